/// An example.
protocol example

bits mode u8 {
	fast  = bit 0
	level = bits 0 to 3
}

/// Sets.
transaction set(mode mode)
