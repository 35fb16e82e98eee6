// accepted: results and arguments that came later, at the end
/// P.
protocol growth_a version 3
/// A.
transaction a(x u8) -> (y u8) number 5
/// B.
transaction b(x bytes up to 200) -> (y string up to 100) number 9 since 3
