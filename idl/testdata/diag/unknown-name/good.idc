/// An example.
protocol example

enum color u8 { red = 0, green = 1 }

/// Paints.
transaction paint(color color)
