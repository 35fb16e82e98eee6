/// An example.
protocol example

enum color u8 { red = 0, green = 256 }

/// Paints.
transaction paint(color color)
