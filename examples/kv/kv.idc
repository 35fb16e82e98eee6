/// A store of values under keys.
protocol kv

device "kv"

/// Returns the value that was last put under key, or nothing.
transaction get(key string up to 64) -> (value bytes up to 256)

/// Puts value under key.
transaction put(key string up to 64, value bytes up to 256) replay
