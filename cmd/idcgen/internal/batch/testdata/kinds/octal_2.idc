// refused: the same in an array
/// P.
protocol octal_b
/// A.
transaction a(x u8[007])
