// accepted: a union and its tag on one ABI alone
/// P.
protocol union_tag_b
abi x86_32 "x86_32-abi" or absent
abi x86_64 "x86_64-abi"
enum kind u16 { x = 1, y = 2 }
union u { a u32 when x, b u16 when y }
struct s { n u32, kind kind on x86_64, pad u16 on x86_64, u u by kind on x86_64, last u8 }
