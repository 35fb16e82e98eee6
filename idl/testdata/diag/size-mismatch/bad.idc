/// An example.
protocol example

struct header size 16 { kind u32, length u32 }

/// Sends.
transaction send(header header)
