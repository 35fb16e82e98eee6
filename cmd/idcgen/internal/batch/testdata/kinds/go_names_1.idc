// accepted: types called like what stubs declare, or refused
/// P.
protocol go_names_a
struct server { a u8 }
enum new_front u8 { x = 1 }
unit export = 8 bytes
const serve = 1
/// A.
transaction open(a server, b new_front, c u8 in export) -> (d u8)
