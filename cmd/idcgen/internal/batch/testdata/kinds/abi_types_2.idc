// accepted: types alone, with a field on one ABI
/// P.
protocol abi_types_b
abi x86_32 "x86_32-abi" or absent
abi x86_64 "x86_64-abi"
struct s { a u32, extra u32 on x86_64, b u64 }
struct t { list s[2], tagged u16be }
