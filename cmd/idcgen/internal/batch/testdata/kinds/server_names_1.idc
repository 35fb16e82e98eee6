// accepted: transactions called like methods of the server, or refused
/// P.
protocol server_names_a
keys from back by init_wait { "x" u32 default 1 }
/// A.
transaction complete(k u32)
/// B.
transaction update(k u32) -> (k u32)
/// C.
transaction ready()
