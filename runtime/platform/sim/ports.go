package sim

import (
	"sync/atomic"

	"github.com/xenidc/idc/runtime/platform"
)

// ports is the table of a domain's event channel ports. It is written under
// World.mu and read by upcalls without.
type ports struct {
	table []atomic.Pointer[channel] // by port; 0 is none
	next  int                       // where the search for a free one starts
}

func newPorts(n int) ports { return ports{table: make([]atomic.Pointer[channel], n), next: 1} }

// get returns the channel of a port, whose number may come from a peer, or nil.
func (p *ports) get(port platform.Port) *channel {
	if uint64(port) >= uint64(len(p.table)) {
		return nil
	}
	return p.table[port].Load()
}

// add gives a channel a port that is free and, on the way that its events will
// come, not still in a queue. Ports are used again as late as possible. It returns
// false when all are used. w.mu is held.
func (p *ports) add(c *channel) bool {
	for range p.table {
		port := p.next
		if p.next++; p.next >= len(p.table) {
			p.next = 1
		}
		if p.table[port].Load() == nil && !c.in.recv.Linked(uint32(port)) {
			c.port = platform.Port(port)
			c.in.recv.Mask(uint32(port))
			c.in.recv.Clear(uint32(port))
			p.table[port].Store(c)
			return true
		}
	}
	return false
}

// remove frees a port. w.mu is held.
func (p *ports) remove(c *channel) {
	c.in.recv.Mask(uint32(c.port))
	p.table[c.port].Store(nil)
}

// each visits the channels.
func (p *ports) each(visit func(*channel)) {
	for i := range p.table {
		if c := p.table[i].Load(); c != nil {
			visit(c)
		}
	}
}
