package evtchn

import (
	"sync"

	"github.com/xenidc/idc/runtime/shm"
)

// Bounds on compare-and-swap loops. An honest other side changes a word a handful
// of times while we look at it, so a loop that runs out has met a dishonest one.
const (
	// casTries bounds the change of a word's own state.
	casTries = 64
	// linkTries bounds set_link once BUSY is set. Xen takes 4, since a valid receiver
	// can only set MASKED, clear PENDING and clear LINKED with LINK then. Here it may
	// also clear MASKED once, when it has waited for BUSY in vain (see
	// [Receiver.Unmask]), and be asked to mask again.
	linkTries = 8
)

// Sender raises events in a structure: the part that Xen plays in
// xen/common/event_fifo.c. Its methods may be called by any number of goroutines
// at once; one lock covers the queues and is held for a bounded number of
// instructions.
type Sender struct {
	control shm.Memory
	array   shm.Memory
	ports   uint32

	mu sync.Mutex // guards what follows, and the order of writes to heads
	// tails is the last port put in each queue; 0 if there is none. It may have been
	// consumed since: its word tells.
	tails [Queues]uint32
	// last is the queue that each port was last put in, so that a port that changes
	// its priority doesn't stay the tail of a queue it has left.
	last []uint8
}

// NewSender returns the sender of ports 1 to ports-1 in the given control block
// and array, which must stay mapped as long as it is used. It fails when the
// memory is too small. There must be one Sender a structure.
func NewSender(control, array shm.Memory, ports int) (*Sender, error) {
	if err := checkGeometry(control, array, ports); err != nil {
		return nil, err
	}
	return &Sender{control: control, array: array, ports: uint32(ports), last: make([]uint8, ports)}, nil
}

// SetPending makes an event pending on the receiver's port, and puts the port in
// the queue of the priority if the receiver wants to hear of it. It returns true
// when the receiver must be woken: when a queue that it believes empty isn't any
// more. A port out of range does nothing, since its number usually came from the
// peer; a priority above 15 counts as 15. It doesn't allocate.
//
// What the caller wrote to shared memory before is seen by a receiver that sees
// the event.
func (s *Sender) SetPending(port uint32, priority uint8) (upcall bool) {
	if port == 0 || port >= s.ports {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.raise(port) && s.enqueue(port, min(priority, PriorityMin))
}

// raise sets PENDING, and LINKED if the word is neither masked nor in a queue. It
// returns true when LINKED was set here: the port is ours to enqueue. The swap is
// done even where it changes nothing, for it orders the caller's earlier stores
// before the receiver's clearing of PENDING.
func (s *Sender) raise(port uint32) bool {
	off := wordOff(port)
	for range casTries {
		old := s.array.Load32(off)
		next, free := old|pending, old&(masked|linked) == 0
		if free {
			next = next&^linkMask | linked
		}
		if s.array.CompareAndSwap32(off, old, next) {
			return free
		}
	}
	return false
}

// enqueue appends a port, whose LINKED bit is set, to queue q. It returns true
// when the receiver must be woken.
func (s *Sender) enqueue(port uint32, q uint8) bool {
	// The port was consumed: a queue that ended with it is empty. Left alone, the
	// stale tail would be linked to its own successor.
	if was := s.last[port]; s.tails[was] == port {
		s.tails[was] = 0
	}
	s.last[port] = q
	tail := s.tails[q]
	s.tails[q] = port
	if tail != 0 && s.setLink(tail, port) {
		return false
	}
	s.control.Store32(headAt(q), port)
	return s.setReady(q)
}

// setLink makes port the successor of tail. It returns false when tail is no
// longer in a queue, so that port must become a head. Tries exhausted count as
// linked: only a receiver that breaks the rules gets there, and loses the event.
func (s *Sender) setLink(tail, port uint32) bool {
	off := wordOff(tail)
	if done, is := s.tryLink(off, port); done {
		return is
	}
	return s.setLinkBusy(off, port)
}

// setLinkBusy is setLink of a word that the receiver is changing: BUSY keeps it from
// unmasking, so that it soon has nothing left that it may change.
func (s *Sender) setLinkBusy(off int, port uint32) bool {
	s.array.Or32(off, busy)
	for range linkTries {
		if done, is := s.tryLink(off, port); done {
			if !is {
				s.array.And32(off, ^busy)
			}
			return is
		}
	}
	s.array.And32(off, ^busy)
	return true
}

// tryLink writes LINK and clears BUSY of a word if it is LINKED. done is false when
// the receiver changed the word meanwhile.
func (s *Sender) tryLink(off int, port uint32) (done, is bool) {
	old := s.array.Load32(off)
	if old&linked == 0 {
		return true, false
	}
	ok := s.array.CompareAndSwap32(off, old, old&^(busy|linkMask)|port)
	return ok, ok
}

// setReady sets bit q of ready and returns true if it was clear. When the receiver
// keeps the word from being set it is woken in any case.
func (s *Sender) setReady(q uint8) bool {
	bit := uint32(1) << q
	for range casTries {
		old := s.control.Load32(readyOff)
		if s.control.CompareAndSwap32(readyOff, old, old|bit) {
			return old&bit == 0
		}
	}
	return true
}
