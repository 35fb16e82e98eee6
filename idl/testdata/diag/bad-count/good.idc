/// An example.
protocol example

struct list {
	count u16
	pad   u8[2]
	item  u32[count] up to 300
}

/// Sorts.
transaction sort(list list)
