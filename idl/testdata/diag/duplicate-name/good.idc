/// An example.
protocol example

unit blocks = 4 KiB

unit sectors = 512 bytes

/// Reads.
transaction read(start u64 in blocks, count u32 in sectors)
