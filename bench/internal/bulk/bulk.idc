/// What the benchmark sends with bulk data.
protocol bulk

device "bench-bulk"

/// Takes data.
transaction send(data bulk from front up to 1 MiB)

/// Gives data.
transaction fetch(data bulk from back up to 1 MiB)
