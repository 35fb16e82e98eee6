// refused: the operation after the last of 16 bits, which the reserved ones make
/// P.
protocol op_overflow_a
reserved 2 to 65535
/// A.
transaction a()
/// B.
transaction b()
