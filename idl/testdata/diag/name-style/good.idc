/// An example.
protocol example

/// Paints.
transaction paint_all(color u32)
