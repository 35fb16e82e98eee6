/// An example.
protocol example

enum color u8 {
	red      = 0
	/// Was blue until peers disagreed about it.
	reserved 1 to 3
	green    = 4
}

/// Paints.
transaction paint(color color)
