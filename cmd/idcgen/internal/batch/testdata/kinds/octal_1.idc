// refused: a number that others would read as octal
/// P.
protocol octal_a
enum e u8 { a = 010 }
/// A.
transaction a(e e)
