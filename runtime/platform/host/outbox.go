//go:build linux

package host

import (
	"sync"
	"sync/atomic"

	"github.com/xenidc/idc/runtime/evtchn"
	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
)

// outbox sends events to one peer.
type outbox struct {
	gate gate                          // entered by who touches mem
	send atomic.Pointer[evtchn.Sender] // nil before the peer's Hello
	mem  *eventMemory                  // set before send

	mu    sync.Mutex // orders open and free
	freed bool
}

// open maps the peer's event memory, fd, after checking it.
func (o *outbox) open(fd int) error {
	if err := sys.CheckMemfd(fd, eventSize); err != nil {
		return err
	}
	mem, err := mapEvents(fd)
	if err != nil {
		return err
	}
	s, err := evtchn.NewSender(mem.control, mem.array, maxPorts)
	if err != nil {
		sys.Unmap(mem.b)
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.freed {
		sys.Unmap(mem.b)
		return platform.ErrClosed
	}
	o.mem = mem
	o.send.Store(s)
	return nil
}

// notify makes the peer's port pending and wakes the peer if it sleeps.
func (o *outbox) notify(port uint32) {
	s := o.send.Load()
	if port == 0 || s == nil || !o.gate.enter() {
		return
	}
	if s.SetPending(port, evtchn.PriorityDefault) && o.mem.control.Swap32(bellOff, 0) != 0 {
		o.mem.wake()
	}
	o.gate.leave()
}

// free unmaps the memory, for good.
func (o *outbox) free() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.freed = true
	if o.gate.close(func() {}) && o.mem != nil {
		sys.Unmap(o.mem.b)
	}
}
