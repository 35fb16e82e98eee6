/// An example.
protocol example

struct header { kind u32, pad u8[4], position u64 }

/// Sends.
transaction send(header header)
