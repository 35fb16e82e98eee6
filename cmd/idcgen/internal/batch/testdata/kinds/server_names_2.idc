// accepted: and like those of the front end, or refused
/// P.
protocol server_names_b
/// A.
transaction begin(k u32)
/// B.
transaction negotiate()
/// C.
transaction refresh()
/// D.
transaction encode_begin()
/// E.
transaction unknown()
