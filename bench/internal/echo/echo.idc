/// What the benchmark sends to and fro. With the id and the operation in front, requests and responses fill slots of 64 bytes.
protocol echo

device "bench-echo"

/// Answers with what it was sent.
transaction echo(payload u64[7]) -> (payload u64[7])
