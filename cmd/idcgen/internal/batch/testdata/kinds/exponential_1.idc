// accepted: empty structs in unions in structs, or refused
/// P.
protocol exponential_a
struct s0 { }
union w1 { a s0, b s0 }
struct s1 { x w1, y s0 }
union w2 { a s1, b s1 }
struct s2 { x w2, y s1 }
union w3 { a s2, b s2 }
struct s3 { x w3, y s2 }
union w4 { a s3, b s3 }
struct s4 { x w4, y s3 }
union w5 { a s4, b s4 }
struct s5 { x w5, y s4 }
union w6 { a s5, b s5 }
struct s6 { x w6, y s5 }
union w7 { a s6, b s6 }
struct s7 { x w7, y s6 }
union w8 { a s7, b s7 }
struct s8 { x w8, y s7 }
union w9 { a s8, b s8 }
struct s9 { x w9, y s8 }
union w10 { a s9, b s9 }
struct s10 { x w10, y s9 }
union w11 { a s10, b s10 }
struct s11 { x w11, y s10 }
/// A.
transaction a(x s11)
