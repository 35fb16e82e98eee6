// refused: two ranges
/// P.
protocol default_range_b
keys from back by init_wait { "x" u16 1 to 5 up to 9 }
/// A.
transaction a(x u8)
