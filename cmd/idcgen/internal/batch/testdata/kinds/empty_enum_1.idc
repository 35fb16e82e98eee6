// refused: bits by an enum without values
/// P.
protocol empty_enum_a
enum e u8 { reserved 1 to 3 }
struct s { e e }
/// A.
transaction a(s s)
