/// An example.
protocol example

/// Does something.
transaction put(key string up to 64)
