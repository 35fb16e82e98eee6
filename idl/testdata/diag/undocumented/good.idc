/// An example.
protocol example

/// Paints the whole screen.
transaction paint(color u32)
