//go:build linux

package sys

// lastWord ends a structure with one word after an u64: i386's ABI aligns that to 4
// bytes, so nothing follows.
type lastWord [1]uint32
