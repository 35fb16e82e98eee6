// refused: a key of the toolstack is
/// P.
protocol feature_b
keys from toolstack in back by initialising { "feature-y" bool default 1 }
/// A.
transaction a() when "feature-y"
