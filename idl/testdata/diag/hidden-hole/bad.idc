/// An example.
protocol example

struct header { kind u8, length u32 }

/// Sends.
transaction send(header header)
