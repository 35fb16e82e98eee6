// accepted: two counts within one struct, one for each of its users
/// P.
protocol count_twice_b
struct inner { n u16, m u16, list u16[n] up to 3 }
struct outer { inner inner, text string[inner.m] up to 5, pad u8 }
