/// An example.
protocol example

/// Paints.
transaction paintAll(color u32)
