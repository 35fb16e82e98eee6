/// An example.
protocol example

struct header { kind u32, pad u8[4], length u32 at 8 }

/// Sends.
transaction send(header header)
