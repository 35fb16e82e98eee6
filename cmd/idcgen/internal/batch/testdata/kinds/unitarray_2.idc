// accepted: a unit of the greatest numbers of both signs
/// P.
protocol unitarray_b
unit ticks
struct s { a u64[2] in ticks, b i64 in ticks }
/// A.
transaction a(s s)
