// accepted: an open enum without values, in a struct
/// P.
protocol empty_enum_b
open enum e u16 {}
struct s { e e, f e }
/// A.
transaction a(s s) -> (e e)
