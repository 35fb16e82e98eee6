// accepted: a unit that only counted arrays use
/// P.
protocol unitarray_a
unit sectors = 512 bytes
/// A.
transaction a(list u64 in sectors up to 3) -> (list i16[2] in sectors)
