// Package ring is the arithmetic of Xen's shared rings: where a slot lies, what
// is free, what is pending, and when the other side must be told. It is pure: no
// system calls, goroutines, locks or waiting, and it allocates only when a ring
// is made or found broken.
//
// The layout is that of xen/include/public/io/ring.h (struct NAME_sring), in
// the byte order of the machine:
//
//	0          4           8          12          16             64
//	+----------+-----------+----------+-----------+--------------+--------+--------+-- --+
//	| req_prod | req_event | rsp_prod | rsp_event | pvt, padding | slot 0 | slot 1 | ... |
//	+----------+-----------+----------+-----------+--------------+--------+--------+-- --+
//	  front      back        back       front       nobody         both
//	  writes     writes      writes     writes
//
// A slot holds a request until the back end takes it, and later the response to
// some request. Indices run freely modulo 2^32 and are masked only where a slot
// is reached. The number of slots is a power of two.
//
//	front:  Put, Put, Push  ->  the back is notified if Push says so
//	back:   Requests, Take, Take, ... Put, Push  ->  likewise the other way
//	either: nothing pending? Arm; still nothing? sleep until notified
//
// Threat model. The peer can write every byte at any time, the header too. Each
// side therefore keeps its own indices in private memory and never reads back
// what it wrote; a slot is copied out once; an index of the peer's is read once
// and checked before it is used. An index that can't be true is an
// [OverflowError], and the ring is broken from then on: every later question
// gets the same error, whatever the peer writes next. No value of the peer's can
// make a method panic, loop, or reach outside of the memory. The peer's event
// words only decide whether it is notified, and are used in no other way.
package ring

import (
	"fmt"
	"math/bits"

	"github.com/xenidc/idc/runtime/shm"
)

// HeaderSize is the offset in bytes of slot 0 (offsetof(struct NAME_sring,
// ring), xen/include/public/io/ring.h).
const HeaderSize = 64

// Offsets in bytes of the shared words (struct NAME_sring).
const (
	reqProd  = 0
	reqEvent = 4
	rspProd  = 8
	rspEvent = 12
)

// maxSlots keeps differences of indices unambiguous and offsets within an int on
// every architecture. Linux's largest block ring has 512.
const maxSlots = 1 << 24

// Slots returns how many slots of stride bytes a ring in the given number of
// bytes has, header included: as many as fit, rounded down to a power of two
// (__RING_SIZE, ring.h), and 0 if none does. A stride below 1 fits nowhere.
func Slots(bytes, stride int) int {
	if stride < 1 || bytes < HeaderSize || (bytes-HeaderSize)/stride < 1 {
		return 0
	}
	n := min((bytes-HeaderSize)/stride, maxSlots)
	return 1 << (bits.Len(uint(n)) - 1)
}

// shared is what both ends know alike: the memory and its division into slots.
type shared struct {
	mem    shm.Memory
	stride int
	mask   uint32 // slots - 1
}

func newShared(mem shm.Memory, stride int) (shared, error) {
	n := Slots(mem.Len(), stride)
	if n == 0 {
		return shared{}, fmt.Errorf("ring: no slot of %d bytes fits into %d bytes: share more pages", stride, mem.Len())
	}
	return shared{mem: mem, stride: stride, mask: uint32(n - 1)}, nil
}

// slots returns the number of slots.
func (s *shared) slots() uint32 { return s.mask + 1 }

// at returns the slot of a free-running index.
func (s *shared) at(index uint32) shm.Memory {
	return s.mem.Slice(HeaderSize+int(index&s.mask)*s.stride, s.stride)
}

// publish makes the slots from old up to next visible, and tells whether the
// peer asked for an event at any index in (old, next]
// (RING_PUSH_*_AND_CHECK_NOTIFY, ring.h). The store is ordered before the load:
// it pairs with the peer's store of the event word and load of the index in
// its final check, so at least one of the two sides sees the other's write.
func (s *shared) publish(prod, event int, old, next uint32) (notify bool) {
	s.mem.Store32(prod, next)
	return next-s.mem.Load32(event) < next-old
}
