package nbd

// What one connection may have in flight. A large slot takes a request of up to 1
// MiB, which is also the maximum block size that clients are told; longer ones are
// cut into pieces.
const (
	smallSlot  = 16 << 10
	largeSlot  = 1 << 20
	bareSlots  = 16 // for requests without payload
	smallSlots = 64
	largeSlots = 8
	allSlots   = bareSlots + smallSlots + largeSlots
)

// slot is one request in flight, with memory for its payload. It belongs to the
// reader until it is given to a worker, and comes back when the reply was sent.
type slot struct {
	header
	home chan *slot // where it goes when it is free
	size int        // bytes of memory it has
	mem  []byte     // nil until it is first needed
	free func()     // gives mem back

	extents []Extent // nil until first needed
}

// slots are all slots of one connection, by size.
type slots struct {
	bare, small, large chan *slot
}

func newSlots() slots {
	return slots{
		bare:  makeSlots(bareSlots, 0),
		small: makeSlots(smallSlots, smallSlot),
		large: makeSlots(largeSlots, largeSlot),
	}
}

func makeSlots(n, size int) chan *slot {
	c := make(chan *slot, n)
	for range n {
		c <- &slot{home: c, size: size}
	}
	return c
}

// fitting returns the smallest slots with memory for n bytes, or the large ones.
func (s *slots) fitting(n uint32) chan *slot {
	switch {
	case n == 0:
		return s.bare
	case n <= smallSlot:
		return s.small
	}
	return s.large
}

// release gives all memory back. All slots are at home.
func (s *slots) release() {
	for _, home := range []chan *slot{s.bare, s.small, s.large} {
		for range cap(home) {
			if one := <-home; one.free != nil {
				one.free()
			}
		}
	}
}
