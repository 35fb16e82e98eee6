// refused: a number beyond 16 bits
/// P.
protocol op_overflow_b
/// A.
transaction a() number 65536
