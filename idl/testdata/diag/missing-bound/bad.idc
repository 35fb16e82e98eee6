/// An example.
protocol example

/// Does something.
transaction put(key string, data bulk from front up to 1 MiB)
