// accepted: a package that is a word of Go, which is spelled otherwise, or refused
/// P.
protocol select
/// A.
transaction a()
