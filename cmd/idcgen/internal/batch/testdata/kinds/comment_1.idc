// accepted: comments that begin with a space, are empty, or mean something to Go
///  Indented.
protocol comment_a
///
struct s { a u8 }
/// +build ignore
///
///  something.
transaction a(x s)
///   X
transaction b()
