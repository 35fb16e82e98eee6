/// Sends data back: the smallest protocol there is, for tests and measurements.
protocol echo

device "echo"

/// Returns what it was sent.
transaction echo(data u8[64]) -> (data u8[64]) replay

/// Adds up the bytes of a buffer.
transaction sum(bytes bulk from front up to 1 MiB) -> (sum u64) replay

/// Fills a buffer with a byte.
transaction fill(value u8, bytes bulk from back up to 1 MiB) replay
