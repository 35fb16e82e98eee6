/// An example.
protocol example

struct header { kind u32, length u32 at 6 }

/// Sends.
transaction send(header header)
