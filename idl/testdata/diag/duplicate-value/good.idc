/// An example.
protocol example

bits mode u8 {
	fast  = bit 0
	level = bits 1 to 4
}

/// Sets.
transaction set(mode mode)
