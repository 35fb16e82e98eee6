//go:build linux

package broker

import (
	"errors"
	"slices"
	"time"

	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
)

// notice is what a domain is to be told of a pair of which it is that side.
type notice struct {
	p    *pair
	op   proto.Op
	side int
}

// tellLocked tells a domain something unasked, once it has answered what it was told
// before: what others cause waits here, a notice or two for each of its links, and not in
// the socket of a domain that is stopped.
func (c *client) tellLocked(n notice) {
	if !c.dead {
		c.queue = append(c.queue, n)
		c.pumpLocked()
	}
}

// untellLocked takes back what a domain was to be told of a pair.
func (c *client) untellLocked(p *pair) {
	c.queue = slices.DeleteFunc(c.queue, func(n notice) bool { return n.p == p })
}

// pumpLocked sends notices as far as the domain has answered earlier ones.
func (c *client) pumpLocked() {
	for len(c.queue) > 0 && len(c.sent) < proto.Window && !c.dead {
		n := c.queue[0]
		if n.staleLocked() {
			c.queue = c.queue[1:]
			continue
		}
		m, fds := n.messageLocked()
		err := c.send(m, fds...)
		if noRoom(err) {
			time.AfterFunc(100*time.Millisecond, c.pump)
			return
		}
		if err != nil {
			return
		}
		c.queue = c.queue[1:]
		c.sent = append(c.sent, n)
		n.sentLocked()
	}
}

func (c *client) pump() {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	c.pumpLocked()
}

// staleLocked reports whether a notice has lost its sense.
func (n notice) staleLocked() bool { return n.op != proto.Gone && n.p.state == over }

// messageLocked is the message and its descriptors.
func (n notice) messageLocked() (proto.Msg, []int) {
	p, other := n.p, 1-n.side
	m := proto.Msg{Op: n.op, A: uint32(p.ids[other])}
	switch n.op {
	case proto.Peer:
		m.B, m.C = uint32(p.pages[other]), uint32(p.pages[n.side])
		if n.side == 0 {
			m.Flags = proto.First
		}
		return m, p.kit.peerFDs(n.side)
	case proto.Ready:
		w := p.sides[other].who
		m.B, m.C, m.D = uint32(w.pid), w.uid, w.gid
		return m, p.kit.readyFDs(n.side)
	}
	return m, nil
}

// sentLocked does what follows the sending of a notice.
func (n notice) sentLocked() {
	p := n.p
	switch n.op {
	case proto.Peer:
		p.told[n.side] = true
		p.kit.gave(n.side)
	case proto.Ready:
		c := p.sides[n.side]
		p.answerLocked(proto.OK, func(q question) bool { return q.c == c })
		if n.side == 0 {
			p.kit.close()
			p.kit = nil
		}
	}
}

// noted takes a domain's answer to the oldest notice.
func (c *client) noted(m proto.Msg) error {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	if len(c.sent) == 0 {
		return errors.New("an answer to nothing")
	}
	n := c.sent[0]
	c.sent = c.sent[1:]
	switch n.op {
	case proto.Peer:
		n.p.notedLocked(n.side, m.Status)
	case proto.Gone:
		c.dropPair(n.p, n.side)
	}
	c.pumpLocked()
	return nil
}
