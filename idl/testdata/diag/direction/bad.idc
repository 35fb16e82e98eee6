/// An example.
protocol example

/// Gets.
transaction get(key string up to 64) -> (value bulk from back up to 1 MiB)
