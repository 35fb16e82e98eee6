/// An example.
protocol example

region screen size 4 MiB from front writable

/// Paints.
transaction paint(color u32)
