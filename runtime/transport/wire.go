package transport

import (
	"encoding/binary"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// Wire is the shape of a ring's slots on one ABI, in bytes.
type Wire struct {
	Stride     int   // distance of two slots: the larger of request and response
	Request    int   // size of the largest request
	Response   int   // size of the largest response
	ResponseID Field // where a response names its request
}

// Field is an unsigned little-endian integer within a slot.
type Field struct {
	Offset, Size int // bytes
}

// get reads the field from a private copy of a slot.
func (f Field) get(slot []byte) uint64 {
	b := slot[f.Offset:]
	switch f.Size {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	default:
		return binary.LittleEndian.Uint64(b)
	}
}

// Direction says which way bulk data travels.
type Direction uint8

const (
	// In carries data from the front end to the back end.
	In Direction = iota + 1
	// Out carries data from the back end to the front end.
	Out
)

// Segment is a part of one granted page.
type Segment struct {
	Ref    platform.GrantRef
	Offset uint32 // bytes from the start of the page
	Length uint32 // bytes; Offset+Length never exceeds a page
}

// pagesOf returns how many pages n bytes fill.
func pagesOf(n int) int { return (n + shm.PageSize - 1) / shm.PageSize }
