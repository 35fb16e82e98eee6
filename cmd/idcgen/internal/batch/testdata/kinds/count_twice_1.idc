// refused: a count within a struct counts there already
/// P.
protocol count_twice_a
struct inner { n u16, list u16[n] up to 3 }
struct outer { inner inner, text string[inner.n] up to 5, pad u8 }
