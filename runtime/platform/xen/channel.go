//go:build linux

package xen

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
)

// channel implements platform.Channel on a descriptor of its own: the kernel holds
// one lock a descriptor for binding, notifying and unmasking, which queues mustn't
// share. Two more ports on it are each other's ends: to wake who sleeps, one is rung.
//
// A port is masked from the moment that its event is read until it is written back.
// That is done when the next Wait begins, not before: while we work the peer can
// ring as it likes and costs us nothing (XSA-391); what it rang is then one event.
//
//	Wait:  unmask ──► read: masked ──► return
//	Wake:  notify ──► loop ──► that read
//	Close: closed ──► Wake ──► everybody has left ──► descriptor closed
//
// Wait blocks its thread in the read: a wake-up takes no detour through Go's poller,
// and two system calls.
type channel struct {
	d    *Domain
	p    *peer
	port uint32
	bell uint32 // the end of the loop that Wake rings
	loop uint32 // the end that hears it
	fd   int    // of evtchn: closing it closes the ports

	life   sync.RWMutex // held for reading while the descriptor is in use
	closed atomic.Bool
	woken  atomic.Bool
	masked bool // belongs to Wait
}

// Listen allocates a port that peer may bind. The peer need not be there yet.
func (d *Domain) Listen(peer platform.DomID) (platform.Channel, error) {
	c, err := d.newChannel(peer, func(fd int) (uint32, error) { return sys.EvtchnListen(fd, uint16(peer)) })
	if err != nil {
		return nil, d.wrapPeer("listen for", peer, err)
	}
	return c, nil
}

// Bind makes a port of ours the other end of a port of peer's. Xen makes the first
// event pending on our end only (evtchn_bind_interdomain, xen/common/event_channel.c);
// the peer's is rung here.
func (d *Domain) Bind(peer platform.DomID, remote platform.Port) (platform.Channel, error) {
	c, err := d.newChannel(peer, func(fd int) (uint32, error) { return sys.EvtchnBind(fd, uint16(peer), uint32(remote)) })
	if err != nil {
		return nil, d.wrapPeer(fmt.Sprintf("bind port %d of", remote), peer, err)
	}
	c.Notify()
	return c, nil
}

// newChannel makes a port for events from a domain, as bind does it.
func (d *Domain) newChannel(id platform.DomID, bind func(fd int) (uint32, error)) (*channel, error) {
	p, err := d.peers.ahead(id)
	if err != nil {
		return nil, err
	}
	c := &channel{d: d, p: p}
	if err := c.open(); err != nil {
		return nil, err
	}
	c.port, err = bind(c.fd)
	if err != nil {
		err = d.whyUnbound(id, err)
	} else if !d.peers.add(c) {
		err = platform.ErrClosed
	}
	if err != nil {
		unix.Close(c.fd)
		return nil, err
	}
	return c, nil
}

// open opens the descriptor and makes the loop. Reading blocks.
func (c *channel) open() (err error) {
	if c.fd, err = c.d.devices.another(evtchn); err != nil {
		return err
	}
	self := uint16(c.d.id)
	if err = unix.SetNonblock(c.fd, false); err == nil {
		c.bell, err = sys.EvtchnListen(c.fd, self)
	}
	if err == nil {
		c.loop, err = sys.EvtchnBind(c.fd, self, c.bell)
	}
	if err != nil {
		unix.Close(c.fd)
		return fmt.Errorf("a port to wake ourselves: %w", lacking(err))
	}
	return nil
}

// whyUnbound turns the hypervisor's answer (EVTCHNOP_bind_interdomain,
// xen/include/public/event_channel.h) into the contract's.
func (d *Domain) whyUnbound(id platform.DomID, err error) error {
	switch {
	case errors.Is(err, unix.ESRCH):
		if gone := d.peers.verify(id); gone != nil {
			return gone
		}
		return fmt.Errorf("%w: %w", platform.ErrNoDomain, err)
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w: %w", platform.ErrBadPort, err)
	}
	return lacking(err)
}

// Port is our end's number.
func (c *channel) Port() platform.Port { return platform.Port(c.port) }

// Notify makes an event pending on the peer's end.
func (c *channel) Notify() {
	c.life.RLock()
	defer c.life.RUnlock()
	if !c.closed.Load() {
		_ = sys.EvtchnNotify(c.fd, c.port) // a peer that isn't there hears nothing
	}
}

// Wait blocks until an event is pending, and clears it.
func (c *channel) Wait() error {
	c.life.RLock()
	defer c.life.RUnlock()
	if c.masked && !c.closed.Load() {
		if err := sys.EvtchnUnmask(c.fd, c.port); err != nil {
			return c.wrap("unmask", err)
		}
		c.masked = false
	}
	for {
		if c.closed.Load() {
			return c.wrap("wait", platform.ErrClosed)
		}
		if c.woken.Swap(false) {
			return nil
		}
		if rung, err := c.sleep(); rung || err != nil {
			return err
		}
	}
}

// sleep waits for either port, and reports whether the peer's event was taken. If the
// peer is gone it doesn't wait, and fails when no event is left.
func (c *channel) sleep() (rung bool, err error) {
	if c.p.gone.Load() {
		left, err := c.pending()
		if err != nil {
			return false, c.wrap("poll", err)
		}
		if !left {
			return false, c.wrap("wait", platform.ErrPeerGone)
		}
	}
	switch port, err := sys.EvtchnTake(c.fd); {
	case errors.Is(err, unix.EFBIG):
		// The queue overflowed, which so few ports can't do by themselves: start afresh, and
		// take it for an event on both.
		if err := errors.Join(sys.EvtchnReset(c.fd), sys.EvtchnUnmask(c.fd, c.loop)); err != nil {
			return false, c.wrap("reset", err)
		}
	case err != nil:
		return false, c.wrap("read", err)
	case port == c.loop:
		if err := sys.EvtchnUnmask(c.fd, port); err != nil {
			return false, c.wrap("unmask", err)
		}
		return false, nil
	}
	c.masked = true
	return true, nil
}

// pending reports whether reading wouldn't block.
func (c *channel) pending() (bool, error) {
	fds := [1]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds[:], 0)
		if err != unix.EINTR {
			return n > 0, err
		}
	}
}

// Wake makes the present Wait, or the next one, return nil.
func (c *channel) Wake() {
	c.woken.Store(true)
	c.rouse()
}

// rouse makes whoever sleeps look again.
func (c *channel) rouse() {
	c.life.RLock()
	defer c.life.RUnlock()
	if !c.closed.Load() {
		c.ring()
	}
}

// ring makes an event pending on the other end of the loop.
func (c *channel) ring() { _ = sys.EvtchnNotify(c.fd, c.bell) }

// Close frees the port. The peer's end stays, deaf.
func (c *channel) Close() error {
	c.life.RLock()
	if c.closed.Swap(true) {
		c.life.RUnlock()
		return c.wrap("close", platform.ErrClosed)
	}
	c.ring()
	c.life.RUnlock()
	c.d.peers.drop(c)
	c.life.Lock() // once Wait and the others have left
	defer c.life.Unlock()
	unix.Close(c.fd)
	return nil
}

// wrap says in an error which channel it is about.
func (c *channel) wrap(what string, err error) error {
	return fmt.Errorf("xen: port %d to domain %d: %s: %w", c.port, c.p.id, what, err)
}
