/// An example.
protocol example

enum shape u32 { circle = 0, square = 1 }

union size {
	radius u32 when circle
	edge   u32 when square
}

struct figure { shape shape, size size by shape }

/// Draws.
transaction draw(figure figure)
