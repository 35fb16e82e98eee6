//go:build linux

package xen

import (
	"encoding/binary"
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
// share. A second descriptor, an eventfd, is there to wake who sleeps.
//
// A port is masked from the moment that its event is read until it is written back.
// That is done when the next Wait begins, not before: while we work the peer can
// ring as it likes and costs us nothing (XSA-391); what it rang is then one event.
//
//	Wait:  unmask ──► poll(evtchn, eventfd) ──► read: masked ──► return
//	Close: closed ──► eventfd ──► everybody has left ──► both descriptors closed
//
// Wait blocks its thread: a wake-up takes no detour through Go's poller.
type channel struct {
	d    *Domain
	p    *peer
	port uint32
	fd   int // of evtchn: closing it closes the port
	bell int // eventfd

	life   sync.RWMutex // held for reading while the descriptors are in use
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
		c.closeFiles()
		return nil, err
	}
	return c, nil
}

// open opens the two descriptors.
func (c *channel) open() (err error) {
	if c.fd, err = c.d.devices.another(evtchn); err != nil {
		return err
	}
	if c.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		unix.Close(c.fd)
		return fmt.Errorf("eventfd: %w", lacking(err))
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

// sleep waits for either descriptor, and reports whether an event was taken. If the
// peer is gone it doesn't wait, and fails when no event is left.
func (c *channel) sleep() (rung bool, err error) {
	timeout := -1
	if c.p.gone.Load() {
		timeout = 0
	}
	fds := [2]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}, {Fd: int32(c.bell), Events: unix.POLLIN}}
	switch n, err := unix.Poll(fds[:], timeout); {
	case err == unix.EINTR:
		return false, nil
	case err != nil:
		return false, c.wrap("poll", err)
	case n == 0:
		return false, c.wrap("wait", platform.ErrPeerGone)
	}
	if fds[1].Revents != 0 {
		c.unring()
	}
	if fds[0].Revents == 0 {
		return false, nil
	}
	return c.take()
}

// take reads the event: the port is masked from now on.
func (c *channel) take() (bool, error) {
	_, err := sys.EvtchnTake(c.fd)
	switch err {
	case nil:
		c.masked = true
		return true, nil
	case unix.EAGAIN:
		return false, nil
	case unix.EFBIG:
		// The queue overflowed, which one port can't do by itself: start afresh, and take
		// it for an event.
		if err := sys.EvtchnReset(c.fd); err != nil {
			return false, c.wrap("reset", err)
		}
		c.masked = true
		return true, nil
	}
	return false, c.wrap("read", err)
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

// ring makes the eventfd readable. It is full only if it is readable already.
func (c *channel) ring() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(c.bell, one[:])
}

// unring empties the eventfd.
func (c *channel) unring() {
	var count [8]byte
	_, _ = unix.Read(c.bell, count[:])
}

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
	c.closeFiles()
	return nil
}

func (c *channel) closeFiles() {
	unix.Close(c.fd)
	unix.Close(c.bell)
}

// wrap says in an error which channel it is about.
func (c *channel) wrap(what string, err error) error {
	return fmt.Errorf("xen: port %d to domain %d: %s: %w", c.port, c.p.id, what, err)
}
