//go:build linux && !386

package sys

// lastWord ends a structure with one word after an u64, as C lays it out: its size is a
// multiple of the u64's alignment, which is 8 bytes here, and 4 in Go on 32-bit ARM.
type lastWord [2]uint32
