/// An example.
protocol example version 3

/// Paints.
transaction paint(color u32) since 3
