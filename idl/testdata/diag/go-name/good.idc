/// An example.
protocol example

/// What it is.
enum kind u8 { read_only = 0, both = 1 }

/// What may be read.
enum readable u8 { only = 0, all = 1 }

/// Says what it is.
transaction tell(kind kind, read readable)
