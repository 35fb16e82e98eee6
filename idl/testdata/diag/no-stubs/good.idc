/// An example.
protocol example

/// Stores a value.
transaction put(key u32, value u32)

/// Waits until somebody else changes a value, and says which.
transaction changed() -> (key u32)
