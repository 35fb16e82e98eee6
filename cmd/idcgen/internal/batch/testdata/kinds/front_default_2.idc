// accepted: a default without a bound
/// P.
protocol front_default_b
keys from front by initialised { "window" u32 default 3 }
keys from back by init_wait { "limit" u16 default 9 }
/// A.
transaction a(x u8) -> (y u8)
