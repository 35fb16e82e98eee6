/// An example.
protocol example version 2

frozen enum color u8 { red = 0, green = 1 since 2 }

/// Paints.
transaction paint(color color)
