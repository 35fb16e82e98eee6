// refused: numbers that 64 bits don't hold
/// P.
protocol u64_b
const x = 18446744073709551616
/// A.
transaction a()
