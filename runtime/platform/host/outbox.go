//go:build linux

package host

import (
	"github.com/xenidc/idc/runtime/evtchn"
	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/shm"
)

// outbox sends events to one peer.
type outbox struct {
	gate   gate // entered by who touches the memory
	send   *evtchn.Sender
	theirs *events
	bound  shm.Memory // who is bound to our ports
}

// init makes an outbox ready.
func (o *outbox) init(l *linkMemory) (err error) {
	o.theirs, o.bound = l.theirs, l.mine.bound
	o.send, err = evtchn.NewSender(l.theirs.control, l.theirs.words, linkPorts)
	return err
}

// notify makes the port that is bound to ours pending, if there is one, and wakes the
// peer if it sleeps.
func (o *outbox) notify(index uint32) {
	if o.gate.enter() {
		o.raise(o.bound.Load32(int(index) * 4))
		o.gate.leave()
	}
}

// raise makes the peer's port pending. The gate is entered.
func (o *outbox) raise(port uint32) {
	if o.send.SetPending(port, evtchn.PriorityDefault) && o.theirs.control.Swap32(bellOff, 0) != 0 {
		sys.FutexWake(o.theirs.bell())
	}
}

// index is which of the peer's ports a number means: 0 if it is none of this link.
func (o *outbox) index(port uint32) (index uint32) {
	if o.gate.enter() {
		if port>>indexBits == o.theirs.control.Load32(tagOff) {
			index = port % linkPorts
		}
		o.gate.leave()
	}
	return index
}

// bind makes our port the other end of the peer's, if that listens, and rings there.
func (o *outbox) bind(theirs, ours uint32) bool {
	if !o.gate.enter() {
		return false
	}
	defer o.gate.leave()
	if !o.theirs.bound.CompareAndSwap32(int(theirs)*4, listening, ours) {
		return false
	}
	o.raise(theirs)
	return true
}

// unbind has the peer's port listen again, if ours was its other end.
func (o *outbox) unbind(theirs, ours uint32) {
	if theirs == 0 || theirs >= linkPorts || !o.gate.enter() {
		return
	}
	o.theirs.bound.CompareAndSwap32(int(theirs)*4, ours, listening)
	o.gate.leave()
}

// left reports whether the peer says that it has left, or we have let go of it.
func (o *outbox) left() bool {
	if !o.gate.enter() {
		return true
	}
	defer o.gate.leave()
	return o.theirs.control.Load32(leftOff) != 0
}

// close lets nobody in any more.
func (o *outbox) close() { o.gate.close(func() {}) }
