// accepted: a string of a fixed length in a struct in an array
/// P.
protocol fixedstring_a
struct s { name string[5], n u8 }
/// A.
transaction a(list s up to 3, s s[2]) -> (s string[16])
