/// An example.
protocol example

frozen struct point { x u32, y u32 }

/// Draws.
transaction draw(at point)
