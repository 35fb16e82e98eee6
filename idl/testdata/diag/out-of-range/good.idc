/// An example.
protocol example

enum color u16 { red = 0, green = 256 }

/// Paints.
transaction paint(color color)
