// refused: a deprecated key of the back is what a transaction depends on
/// P.
protocol feature_a
keys from back by init_wait { "feature-y" bool default 0 deprecated }
/// A.
transaction a(x u8) -> (y u8) when "feature-y"
