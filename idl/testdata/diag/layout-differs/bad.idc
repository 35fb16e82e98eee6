/// An example.
protocol example

struct header { kind u32, position u64 }

/// Sends.
transaction send(header header)
