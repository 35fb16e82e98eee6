// refused: the lesser of both sides counts, which nobody computes
/// P.
protocol ignored_a
keys from back by init_wait { "depth" u32 default 8 minimum }
keys from front by initialised { "depth" u32 default 8 minimum }
/// A.
transaction a(x u8)
