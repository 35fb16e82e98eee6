/// An example.
protocol example

struct list {
	count u8
	pad   u8[3]
	item  u32[count] up to 300
}

/// Sorts.
transaction sort(list list)
