// accepted: a struct that a union in a struct in an array uses
/// P.
protocol union_struct_a
struct inner { a u16, b u16be }
union u { i inner, w u32 }
struct outer { u u, n u32 }
/// A.
transaction a(list outer[2]) -> (o outer)
