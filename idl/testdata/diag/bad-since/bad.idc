/// An example.
protocol example version 2

/// Paints.
transaction paint(color u32) since 3
