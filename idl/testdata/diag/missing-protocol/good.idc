/// An example.
protocol example

/// Paints.
transaction paint(color u32)
