// refused: a default below the range
/// P.
protocol default_range_a
keys from front by initialised { "x" i32 -5 to 5 default -6 }
/// A.
transaction a(x u8)
