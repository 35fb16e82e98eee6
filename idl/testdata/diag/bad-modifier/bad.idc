/// An example.
protocol example

open struct point { x u32, y u32 }

/// Draws.
transaction draw(at point)
