/// An example.
protocol example

unit blocks = 4 KiB

unit blocks = 512 bytes

/// Reads.
transaction read(start u64 in blocks)
