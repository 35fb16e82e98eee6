//go:build linux

package host

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
)

// channel implements platform.Channel. Its life:
//
//	Listen -> deaf --the peer binds--> bound --the peer's end closes--> deaf
//	Bind   -------------------------> bound
//	any    --Close--> closed
type channel struct {
	p      *peer
	port   uint32
	remote atomic.Uint32 // the peer's port; 0 while nobody is bound
	signal chan struct{} // capacity 1

	// Guarded by the inbox's mu.
	fired, closed, waiting bool
	next, prev             *channel
}

// newChannel allocates a port for events from p.
func (d *Domain) newChannel(p *peer) (*channel, error) {
	if !p.use() {
		return nil, platform.ErrPeerGone
	}
	port, ok := d.ports.take()
	if !ok {
		p.unuse()
		return nil, platform.ErrNoSpace
	}
	c := &channel{p: p, port: port, signal: make(chan struct{}, 1)}
	p.in.open(c)
	return c, nil
}

// Listen allocates a port that peer may bind. The peer need not have joined yet.
func (d *Domain) Listen(peer platform.DomID) (platform.Channel, error) {
	p, err := d.ahead(peer)
	if err != nil {
		return nil, d.wrapPeer("listen for", peer, err)
	}
	c, err := d.newChannel(p)
	if err != nil {
		return nil, d.wrapPeer("listen for", peer, err)
	}
	return c, nil
}

// Bind makes a port of ours the other end of a port of peer's. It blocks until the
// peer has answered, and no longer than 10 seconds.
func (d *Domain) Bind(peer platform.DomID, remote platform.Port) (platform.Channel, error) {
	c, err := d.bind(peer, uint32(remote))
	if err != nil {
		return nil, d.wrapPeer("bind a port of", peer, err)
	}
	return c, nil
}

func (d *Domain) bind(peer platform.DomID, remote uint32) (*channel, error) {
	if remote == 0 || remote >= maxPorts {
		return nil, platform.ErrBadPort
	}
	p, err := d.linked(peer)
	if err != nil {
		return nil, err
	}
	c, err := d.newChannel(p)
	if err != nil {
		return nil, err
	}
	c.remote.Store(remote)
	a, err := p.ask(context.Background(), proto.Msg{Op: proto.Bind, A: remote, B: c.port})
	closeFD(a.fd)
	if err == nil {
		err = a.Status.Err()
	}
	if err != nil {
		c.remote.Store(0)
		c.Close()
		return nil, err
	}
	c.Wake() // the first, spurious event
	return c, nil
}

// Port is our end's number.
func (c *channel) Port() platform.Port { return platform.Port(c.port) }

// Notify makes an event pending on the peer's end.
func (c *channel) Notify() { c.p.out.notify(c.remote.Load()) }

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
	if !c.p.in.shut(c) {
		return platform.ErrClosed
	}
	if remote := c.remote.Swap(0); remote != 0 {
		c.p.tell(proto.Msg{Op: proto.Unbind, A: remote, B: c.port})
	}
	c.p.d.ports.give(c.port)
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

// portTable gives out the ports of a domain: its numbers are unique across peers.
type portTable struct {
	mu   sync.Mutex
	bits bitmap
}

func (t *portTable) take() (uint32, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bits.size == 0 {
		t.bits = newBitmap(maxPorts)
		t.bits.take(1) // port 0 is none
	}
	n, ok := t.bits.take(1)
	return uint32(n), ok
}

func (t *portTable) give(port uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bits.give(int(port), 1)
}
