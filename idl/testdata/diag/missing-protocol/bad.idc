/// Paints.
transaction paint(color u32)
