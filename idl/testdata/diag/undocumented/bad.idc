/// An example.
protocol example

transaction paint(color u32)
