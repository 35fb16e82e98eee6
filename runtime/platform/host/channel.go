//go:build linux

package host

import (
	"github.com/xenidc/idc/runtime/platform"
)

// channel implements platform.Channel. Its life, which the other side sees in the word
// of who is bound to it:
//
//	Listen -> deaf --the peer binds--> bound --the peer's end closes--> deaf
//	Bind   -------------------------> bound
//	any    --Close--> closed
type channel struct {
	p      *peer
	index  uint32        // of the port within the link
	signal chan struct{} // capacity 1

	// Guarded by the inbox's mu.
	fired, closed, waiting bool
	next, prev             *channel
}

// newChannel allocates a port for events from p, bound to a port of p's, or listening.
func (p *peer) newChannel(bound uint32) (*channel, error) {
	if !p.use() {
		return nil, platform.ErrPeerGone
	}
	c := &channel{p: p, signal: make(chan struct{}, 1)}
	if err := p.in.open(c, bound); err != nil {
		p.unuse()
		return nil, err
	}
	return c, nil
}

// Listen allocates a port that peer may bind. The peer need not have joined yet.
func (d *Domain) Listen(peer platform.DomID) (platform.Channel, error) {
	p, err := d.ahead(peer)
	if err != nil {
		return nil, d.wrapPeer("listen for", peer, err)
	}
	c, err := p.newChannel(listening)
	if err != nil {
		return nil, d.wrapPeer("listen for", peer, err)
	}
	return c, nil
}

// Bind makes a port of ours the other end of a port of peer's. Once the two domains are
// linked it doesn't block.
func (d *Domain) Bind(peer platform.DomID, remote platform.Port) (platform.Channel, error) {
	c, err := d.bind(peer, uint32(remote))
	if err != nil {
		return nil, d.wrapPeer("bind a port of", peer, err)
	}
	return c, nil
}

func (d *Domain) bind(peer platform.DomID, remote uint32) (*channel, error) {
	p, err := d.linked(peer)
	if err != nil {
		return nil, err
	}
	theirs := p.out.index(remote)
	if theirs == 0 {
		return nil, platform.ErrBadPort
	}
	c, err := p.newChannel(theirs)
	if err != nil {
		return nil, err
	}
	if !p.out.bind(theirs, c.index) {
		c.Close()
		if p.isGone() {
			return nil, platform.ErrPeerGone
		}
		return nil, platform.ErrBadPort
	}
	c.Wake() // the first, spurious event
	return c, nil
}

// Port is our end's number.
func (c *channel) Port() platform.Port { return platform.Port(c.p.in.tag<<indexBits | c.index) }

// Notify makes an event pending on the peer's end.
func (c *channel) Notify() { c.p.out.notify(c.index) }

// Wait blocks until an event is pending, and clears it.
func (c *channel) Wait() error { return c.p.in.wait(c) }

// Wake makes the present Wait, or the next, return nil.
func (c *channel) Wake() {
	in := c.p.in
	in.mu.Lock()
	defer in.mu.Unlock()
	c.fired = true
	in.rouse(c)
}

// Close frees the port. The peer's end stays, and can be bound again.
func (c *channel) Close() error {
	bound, ok := c.p.in.shut(c)
	if !ok {
		return platform.ErrClosed
	}
	c.p.out.unbind(bound, c.index)
	c.p.in.give(c.index)
	c.p.unuse()
	return nil
}

// await sleeps until somebody else has looked into the queues for us.
func (c *channel) await() { <-c.signal }

// outcome is what Wait returns, if it does. The inbox's mu is held.
func (c *channel) outcome() (err error, done bool) {
	switch {
	case c.closed:
		return platform.ErrClosed, true
	case c.fired:
		c.fired = false
		return nil, true
	case c.p.in.gone:
		return platform.ErrPeerGone, true
	}
	return nil, false
}
