package sim

import (
	"sync"

	"github.com/xenidc/idc/runtime/evtchn"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// upcallBudget is how many ports one Consume takes. The loop around it ends, since
// both sides of a fifo are this package's.
const upcallBudget = 64

// route is an ordered pair of domains.
type route struct{ from, to platform.DomID }

// fifo carries the events of one domain to another.
type fifo struct {
	sender *evtchn.Sender
	to     *Domain

	mu      sync.Mutex // held by who runs the upcall
	recv    *evtchn.Receiver
	deliver func(port uint32)
}

// fifo returns the events' way from one domain to d, made at its first use. w.mu is
// held.
func (d *Domain) fifo(from platform.DomID) (*fifo, error) {
	way := route{from, d.id}
	if f := d.w.fifos[way]; f != nil {
		return f, nil
	}
	n := d.w.opts.Ports
	control, array := shm.Alloc(evtchn.ControlSize), shm.Alloc(evtchn.ArrayPages(n)*shm.PageSize)
	evtchn.Format(control, array)
	sender, err := evtchn.NewSender(control, array, n)
	if err != nil {
		return nil, err
	}
	recv, err := evtchn.NewReceiver(control, array, n)
	if err != nil {
		return nil, err
	}
	f := &fifo{sender: sender, recv: recv, to: d}
	f.deliver = f.ring
	d.w.fifos[way] = f
	return f, nil
}

// notify makes an event pending on a port and, if the receiver must hear of it,
// runs its upcall.
func (f *fifo) notify(port platform.Port) {
	if !f.sender.SetPending(uint32(port), evtchn.PriorityDefault) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.recv.Consume(upcallBudget, f.deliver) {
	}
}

// ring passes an event on to its channel. The port stays masked until the channel
// waits again, so that a busy receiver isn't called up.
func (f *fifo) ring(port uint32) {
	f.recv.Mask(port)
	if c := f.to.ports.get(platform.Port(port)); c != nil && c.in == f {
		c.wake()
	}
}

// dropFIFOs forgets the ways to and from a domain that has ended. w.mu is held.
func (d *Domain) dropFIFOs() {
	for way := range d.w.fifos {
		if way.from == d.id || way.to == d.id {
			delete(d.w.fifos, way)
		}
	}
}
