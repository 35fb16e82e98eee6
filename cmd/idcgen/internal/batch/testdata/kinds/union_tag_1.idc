// refused: a union of which one ABI hasn't the tag
/// P.
protocol union_tag_a
abi x86_32 "x86_32-abi" or absent
abi x86_64 "x86_64-abi"
enum kind u16 { x = 1, y = 2 }
union u { a u32 when x, b u16 when y }
struct s { kind kind on x86_64, u u by kind }
