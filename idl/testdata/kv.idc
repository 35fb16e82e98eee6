/// A key-value store.
protocol kv version 2

/// Gets a value.
transaction get(key string up to 64) -> (value bytes up to 256) replay
transaction echo(text string up to 200) -> (text string up to 200)
transaction put(key string up to 64, data bulk from front up to 1 MiB)
message changed(key string up to 64) from back
transaction fetch(key string up to 64, a u8, b u64, data bulk from back up to 16 KiB) -> (length u32 in bytes) since 2
