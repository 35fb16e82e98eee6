/// An example.
protocol example

status enum outcome i16 { fine = 0 means success, broken = -1 means failure }

/// Doubles a number.
transaction double(value u32) -> (result u32)
