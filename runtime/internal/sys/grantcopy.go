//go:build linux

package sys

import (
	"runtime"
	"unsafe"
)

// copySegment is struct gntdev_grant_copy_segment (xen/gntdev.h). source and dest are
// unions of an address and struct { ref u32, offset u16, domid u16 }: a little-endian
// word either way, for Xen runs on no other machine.
//
//	| source u64 | dest u64 | len u16 | flags u16 | status i16 | pad |
type copySegment struct {
	source, dest uint64
	len, flags   uint16
	status       int16
}

// GNTCOPY_source_gref and GNTCOPY_dest_gref (xen/grant_table.h).
const (
	copySourceGref = 1
	copyDestGref   = 2
)

// GrantCopy is a batch of copies between our memory and pages of a domain's that
// it granted to us. The zero value is empty. It is filled and run by one goroutine
// at a time, and keeps its memory for the next batch.
type GrantCopy struct {
	segments []copySegment
	locals   [][]byte // keeps what the segments point to where it is
}

// Len is how many copies the batch holds.
func (c *GrantCopy) Len() int { return len(c.segments) }

// Reset empties the batch.
func (c *GrantCopy) Reset() {
	clear(c.locals)
	c.segments, c.locals = c.segments[:0], c.locals[:0]
}

// From adds a copy from the page that ref grants to dst, which holds 1 to 4096
// bytes less offset.
func (c *GrantCopy) From(domid uint16, ref, offset uint32, dst []byte) {
	c.add(dst, copySegment{source: foreign(domid, ref, offset), dest: uint64(Address(dst)),
		len: uint16(len(dst)), flags: copySourceGref})
}

// To adds a copy from src to the page that ref grants.
func (c *GrantCopy) To(domid uint16, ref, offset uint32, src []byte) {
	c.add(src, copySegment{source: uint64(Address(src)), dest: foreign(domid, ref, offset),
		len: uint16(len(src)), flags: copyDestGref})
}

// add remembers local in memory of the heap, so that it isn't on a stack that moves.
func (c *GrantCopy) add(local []byte, s copySegment) {
	c.locals = append(c.locals, local)
	c.segments = append(c.segments, s)
}

func foreign(domid uint16, ref, offset uint32) uint64 {
	return uint64(ref) | uint64(uint16(offset))<<32 | uint64(domid)<<48
}

// Run makes the copies. Each has a status afterwards, also when Run succeeds. It
// fails as a whole when a segment leaves its page or names memory that isn't ours.
func (c *GrantCopy) Run(fd int) error {
	op := gntdevCopy{count: uint32(len(c.segments)), segments: unsafe.Pointer(unsafe.SliceData(c.segments))}
	_, err := ioctl(fd, ioctlGntdevCopy, unsafe.Pointer(&op))
	runtime.KeepAlive(c)
	return err
}

// Status is what became of copy i: 0, or one of GNTST (xen/grant_table.h).
func (c *GrantCopy) Status(i int) int { return int(c.segments[i].status) }
