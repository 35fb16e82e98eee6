// accepted: types alone, of which a counted one varies
/// P.
protocol abi_types_a
abi x86_32 "x86_32-abi" or absent
abi x86_64 "x86_64-abi"
struct inner { a u32, b u64 }
struct outer { n u32, c inner, d bytes[n] up to 5, e u64 }
