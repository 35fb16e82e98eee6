/// An example.
protocol example

/// Stores a value.
transaction put(key u32, value u32)

/// Tells the front that somebody else changed a value.
message changed(key u32) from back
