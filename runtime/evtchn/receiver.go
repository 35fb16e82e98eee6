package evtchn

import (
	"math/bits"
	"runtime"

	"github.com/xenidc/idc/runtime/shm"
)

// busySpins is how long Unmask waits for BUSY to go, in turns of the scheduler.
const busySpins = 1000

// Receiver consumes the events of a structure: the part that a kernel plays in
// Linux's events_fifo.c. [Receiver.Consume] has one caller at a time; the other
// methods may be called by any number of goroutines at any time. A port that is
// out of range is a bug of the caller's and panics as an index would.
type Receiver struct {
	control shm.Memory
	array   shm.Memory
	ports   uint32

	// Owned by Consume. ready is the queues known to hold something; heads is the
	// first port of each, 0 where the control block's head is to be read.
	ready uint32
	heads [Queues]uint32
}

// NewReceiver returns the receiver of ports 1 to ports-1 in the given control
// block and array, which must stay mapped as long as it is used. It fails when the
// memory is too small. There must be one Receiver a structure.
func NewReceiver(control, array shm.Memory, ports int) (*Receiver, error) {
	if err := checkGeometry(control, array, ports); err != nil {
		return nil, err
	}
	return &Receiver{control: control, array: array, ports: uint32(ports)}, nil
}

// Ports returns the number of ports, port 0 included.
func (r *Receiver) Ports() int { return int(r.ports) }

// Consume takes ports out of the queues, the most urgent first, and calls deliver
// for each that is pending and not masked, having cleared its PENDING. It takes at
// most budget ports, wanted or not, and returns true when there may be more: the
// caller must come back without waiting to be woken. When it returns false, the
// next event wakes. A port may be delivered without an event, by a dishonest
// sender or after a race with Unmask. It doesn't allocate or block; deliver must
// not call Consume.
//
// A receiver that isn't interested in further events of a port until it has served
// this one lets deliver call Mask, and calls Unmask before it sleeps: the sender
// then doesn't wake it in between.
func (r *Receiver) Consume(budget int, deliver func(port uint32)) (more bool) {
	for range budget {
		r.collect()
		if r.ready == 0 {
			return false
		}
		if port := r.pop(uint8(bits.TrailingZeros32(r.ready))); port != 0 && r.take(port) {
			deliver(port)
		}
	}
	r.collect()
	return r.ready != 0
}

// Ready reports whether the sender has announced something since the last Consume,
// for callers that poll.
func (r *Receiver) Ready() bool { return r.control.Load32(readyOff)&readyMask != 0 }

// collect takes over the queues that the sender has announced.
func (r *Receiver) collect() {
	if r.control.Load32(readyOff) != 0 {
		r.ready |= r.control.Swap32(readyOff, 0) & readyMask
	}
}

// pop takes the first port out of queue q. It returns 0 when the queue names a
// port that doesn't exist; what follows it is then lost, by the sender's doing.
func (r *Receiver) pop(q uint8) uint32 {
	port := r.heads[q]
	if port == 0 {
		port = r.control.Load32(headAt(q))
	}
	next := uint32(0)
	if port >= r.ports {
		port = 0
	}
	if port != 0 {
		next = r.clearLinked(port)
	}
	if next == 0 {
		r.ready &^= 1 << q
	}
	r.heads[q] = next
	return port
}

// clearLinked takes a word out of its queue and returns its successor, 0 at the
// end and when the sender keeps changing the word.
func (r *Receiver) clearLinked(port uint32) (next uint32) {
	off := wordOff(port)
	for range casTries {
		old := r.array.Load32(off)
		if r.array.CompareAndSwap32(off, old, old&^(linked|linkMask)) {
			return old & linkMask
		}
	}
	return 0
}

// take clears PENDING of a port that is pending and not masked.
func (r *Receiver) take(port uint32) bool {
	if r.array.Load32(wordOff(port))&(pending|masked) != pending {
		return false
	}
	r.Clear(port)
	return true
}

// Mask stops delivery of a port. Events are remembered.
func (r *Receiver) Mask(port uint32) { r.array.Or32(wordOff(port), masked) }

// Unmask lets a port be delivered again and returns whether an event is pending on
// it. If so the port may be in no queue, since it was masked when the event came,
// and nobody else will deliver it: the caller does what Xen does in
// EVTCHNOP_unmask, and treats it as delivered (it calls Clear first).
//
// While the sender holds BUSY, MASKED may not be cleared. An honest sender holds it
// for some instructions, unless it was preempted; Unmask waits that long, not
// longer.
func (r *Receiver) Unmask(port uint32) (isPending bool) {
	off := wordOff(port)
	for range busySpins {
		old := r.array.Load32(off)
		if old&busy != 0 {
			runtime.Gosched()
			continue
		}
		if r.array.CompareAndSwap32(off, old, old&^masked) {
			return old&pending != 0
		}
	}
	r.array.And32(off, ^masked)
	return r.Pending(port)
}

// Clear forgets the event pending on a port. What the sender wrote before an event
// that is forgotten so is seen after Clear.
func (r *Receiver) Clear(port uint32) { r.array.And32(wordOff(port), ^pending) }

// Pending reports whether an event is pending on a port.
func (r *Receiver) Pending(port uint32) bool { return r.array.Load32(wordOff(port))&pending != 0 }

// Masked reports whether a port is masked.
func (r *Receiver) Masked(port uint32) bool { return r.array.Load32(wordOff(port))&masked != 0 }

// Linked reports whether a port is in a queue. A port that was closed is not used
// again until it has left it.
func (r *Receiver) Linked(port uint32) bool { return r.array.Load32(wordOff(port))&linked != 0 }
