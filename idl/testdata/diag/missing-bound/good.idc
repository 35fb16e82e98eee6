/// An example.
protocol example

/// Does something.
transaction put(key string up to 64, data bulk from front up to 1 MiB)
