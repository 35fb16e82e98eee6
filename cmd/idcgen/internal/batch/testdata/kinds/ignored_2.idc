// refused: a bound of a hexadecimal key
/// P.
protocol ignored_b
keys from front by initialised { "magic" hex u32 1 to 5 default 2 }
/// A.
transaction a(x u8)
