package sim

import (
	"fmt"
	"sync/atomic"

	"github.com/xenidc/idc/runtime/platform"
)

// channel is one end of an event channel:
//
//	Listen -> unbound --(the peer binds)--+
//	                                      +--> bound --> deaf (the peer's end is gone)
//	Bind ---------------------------------+      |         |
//	                                             +--> closed
type channel struct {
	d     *Domain
	peer  platform.DomID
	being *being // the peer's
	port  platform.Port
	in    *fifo // the way events come

	// remote is the other end while there is one.
	remote atomic.Pointer[remote]
	// token holds one when Wait is to return: an event was delivered, or Wake called.
	token  chan struct{}
	closed chan struct{}

	bound bool // guarded by World.mu; stays when the other end goes
}

// remote is where Notify leads.
type remote struct {
	out *fifo
	c   *channel
}

// open makes a channel of d with peer. w.mu is held.
func (d *Domain) open(peer platform.DomID) (*channel, error) {
	in, err := d.fifo(peer)
	if err != nil {
		return nil, err
	}
	c := &channel{
		d: d, peer: peer, being: d.w.being(peer), in: in,
		token:  make(chan struct{}, 1),
		closed: make(chan struct{}),
	}
	if !d.ports.add(c) {
		return nil, fmt.Errorf("sim: domain %d uses all of its %d ports: %w", d.id, len(d.ports.table)-1, platform.ErrNoSpace)
	}
	return c, nil
}

// Listen allocates a port that peer may bind.
func (d *Domain) Listen(peer platform.DomID) (platform.Channel, error) {
	if err := d.w.at(OpListen, d.id); err != nil {
		return nil, err
	}
	if peer >= platform.FirstReserved {
		return nil, fmt.Errorf("sim: listen for domain %d: %w", peer, platform.ErrNoDomain)
	}
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	if d.ended {
		return nil, d.errClosed()
	}
	if d.w.being(peer).over() {
		return nil, fmt.Errorf("sim: listen for domain %d: %w", peer, platform.ErrPeerGone)
	}
	c, err := d.open(peer)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Bind binds a new port to one that peer's Listen made for us.
func (d *Domain) Bind(peer platform.DomID, port platform.Port) (platform.Channel, error) {
	if err := d.w.at(OpBind, d.id); err != nil {
		return nil, err
	}
	c, far, err := d.bind(peer, port)
	if err != nil {
		return nil, err
	}
	// Both ends start with a spurious event: whoever missed something before the
	// binding looks again.
	far.Notify()
	c.Notify()
	return c, nil
}

// bind makes the near end and joins it to the far one.
func (d *Domain) bind(peer platform.DomID, port platform.Port) (c, far *channel, err error) {
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	if d.ended {
		return nil, nil, d.errClosed()
	}
	if far, err = d.listener(peer, port); err != nil {
		return nil, nil, fmt.Errorf("sim: bind to port %d of domain %d: %w", port, peer, err)
	}
	if c, err = d.open(peer); err != nil {
		return nil, nil, err
	}
	c.bound, far.bound = true, true
	c.remote.Store(&remote{out: far.in, c: far})
	far.remote.Store(&remote{out: c.in, c: c})
	return c, far, nil
}

// listener finds a port of peer's that d may bind. w.mu is held.
func (d *Domain) listener(peer platform.DomID, port platform.Port) (*channel, error) {
	owner := d.w.domains[peer]
	switch {
	case owner == nil:
		return nil, platform.ErrNoDomain
	case owner.ended:
		return nil, platform.ErrPeerGone
	}
	c := owner.ports.get(port)
	if c == nil || c.peer != d.id || c.bound {
		return nil, platform.ErrBadPort
	}
	return c, nil
}

// Port is the end's number.
func (c *channel) Port() platform.Port { return c.port }

// Notify makes an event pending on the other end, and runs its upcall here.
func (c *channel) Notify() {
	// A notification can't fail; a hook can only delay it.
	_ = c.d.w.at(OpNotify, c.d.id)
	if r := c.remote.Load(); r != nil {
		r.out.notify(r.c.port)
	}
}

// Wait blocks until an event is pending.
func (c *channel) Wait() error {
	_ = c.d.w.at(OpWait, c.d.id)
	select {
	case <-c.closed:
		return c.errClosed()
	default:
	}
	if c.take() {
		return nil
	}
	select {
	case <-c.token:
		return nil
	case <-c.closed:
		return c.errClosed()
	case <-c.being.gone:
		// Events that it sent before its end come first.
		if c.take() {
			return nil
		}
		return fmt.Errorf("sim: wait for domain %d: %w", c.peer, platform.ErrPeerGone)
	}
}

// take lets events come, and takes one that is here already.
func (c *channel) take() bool {
	select {
	case <-c.token:
		return true
	default:
	}
	if !c.in.recv.Unmask(uint32(c.port)) {
		return false
	}
	c.in.recv.Mask(uint32(c.port))
	c.in.recv.Clear(uint32(c.port))
	return true
}

// wake makes Wait return.
func (c *channel) wake() {
	select {
	case c.token <- struct{}{}:
	default:
	}
}

// Wake makes the present Wait, or the next one, return nil.
func (c *channel) Wake() { c.wake() }

// Close frees the port.
func (c *channel) Close() error {
	c.d.w.mu.Lock()
	defer c.d.w.mu.Unlock()
	if !c.close() {
		return c.errClosed()
	}
	return nil
}

// close frees the port and deafens the other end. It returns false when the channel
// was closed. w.mu is held.
func (c *channel) close() bool {
	if c.d.ports.get(c.port) != c {
		return false
	}
	c.d.ports.remove(c)
	if r := c.remote.Swap(nil); r != nil {
		r.c.remote.Store(nil)
	}
	close(c.closed)
	return true
}

// closeChannels closes all channels of a domain. w.mu is held.
func (d *Domain) closeChannels() { d.ports.each(func(c *channel) { c.close() }) }

// errClosed is the error of Wait and Close after Close.
func (c *channel) errClosed() error {
	return fmt.Errorf("sim: port %d of domain %d: %w", c.port, c.d.id, platform.ErrClosed)
}
