/// An example.
protocol example

unit blocks = 4 KiB

/// Reads.
transaction read(start blocks)
