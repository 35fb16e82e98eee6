/// An example.
protocol example

struct header { kind u8, pad u8[3], length u32 }

/// Sends.
transaction send(header header)
