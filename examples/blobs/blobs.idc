/// A store of blobs: bytes under names.
protocol blobs

device "blobs"

/// Puts data under name, in place of what was there. Done twice it is the same.
transaction put(name string up to 64, data bulk from front up to 1 MiB) replay

/// Reads from offset on into data, as much as there is and fits; size is the blob's.
transaction get(name string up to 64, offset u64 in bytes, data bulk from back up to 1 MiB) -> (length u32 in bytes, size u64 in bytes) replay

/// Removes a blob. Not to be repeated: the second time there is none.
transaction remove(name string up to 64)
