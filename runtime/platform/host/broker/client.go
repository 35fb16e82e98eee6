//go:build linux

package broker

import (
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
)

// joinTime is how long a connection may take to say who it is.
const joinTime = 10 * time.Second

// client is a joined domain. Its life is that of its control connection:
//
//	accept -> Join -> Welcome -> questions... -> end of connection
//	          number,            links          store cleaned,
//	          store subtree                     number given back
//
// id, who and conn don't change; the rest is guarded by the broker's mu.
type client struct {
	b    *Broker
	id   platform.DomID
	who  who
	conn *sys.Packet

	dead   bool // the number is still taken, while the store is cleaned
	links  map[platform.DomID]*client
	wants  map[platform.DomID]struct{}
	stores map[net.Conn]struct{}
}

// serveDomain lives a domain's life.
func (b *Broker) serveDomain(uc *net.UnixConn, w who) {
	conn, err := sys.NewPacket(uc)
	if err != nil {
		return
	}
	c := &client{
		b: b, who: w, conn: conn,
		links: map[platform.DomID]*client{}, wants: map[platform.DomID]struct{}{}, stores: map[net.Conn]struct{}{},
	}
	name, err := c.greet()
	if err != nil {
		b.opts.Log.Warn("join refused", "pid", w.pid, "uid", w.uid, "err", err)
		return
	}
	defer c.end()
	b.opts.Log.Info("domain joined", "domain", c.id, "pid", w.pid, "uid", w.uid, "name", name)
	if err := c.welcome(name); err != nil {
		return
	}
	err = c.listen()
	b.opts.Log.Info("domain left", "domain", c.id, "pid", w.pid, "cause", err)
}

// greet reads the first message and gives the client its number.
func (c *client) greet() (name string, err error) {
	late := time.AfterFunc(joinTime, func() { c.conn.Close() })
	m, err := c.read()
	late.Stop()
	if err != nil {
		return "", err
	}
	st := proto.OK
	switch {
	case m.Op != proto.Join:
		return "", fmt.Errorf("the first message is %d, not Join", m.Op)
	case m.A != proto.Version:
		st, err = proto.BadVersion, fmt.Errorf("version %d, want %d", m.A, proto.Version)
	case !c.b.number(c):
		st, err = proto.NoSpace, errors.New("too many domains")
	}
	if err != nil {
		_ = c.send(proto.Msg{Op: proto.Welcome, Status: st})
		return "", err
	}
	return cleanName(m.Name), nil
}

// number registers the client under a new number. It is false when there are too
// many.
func (b *Broker) number(c *client) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || len(b.domains) >= b.opts.MaxDomains {
		return false
	}
	c.id = b.ids.next(func(id platform.DomID) bool { return b.domains[id] != nil })
	b.domains[c.id] = c
	return true
}

// welcome makes the domain's place in the store, tells it its number, and
// introduces it to those who wait for it.
func (c *client) welcome(name string) error {
	if err := c.b.tree.introduce(c.id, name, c.who); err != nil {
		c.b.opts.Log.Error("store: introduce", "domain", c.id, "err", err)
		return err
	}
	if err := c.send(proto.Msg{Op: proto.Welcome, A: uint32(c.id)}); err != nil {
		return err
	}
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	for other := range c.b.wanted[c.id] {
		delete(other.wants, c.id)
		c.b.link(other, c)
	}
	delete(c.b.wanted, c.id)
	return nil
}

// listen answers questions until the connection ends or breaks the protocol.
func (c *client) listen() error {
	for {
		m, err := c.read()
		if err != nil {
			return err
		}
		switch m.Op {
		case proto.Link:
			err = c.send(proto.Msg{Op: proto.Linked, ID: m.ID, Status: c.b.introduce(c, m.A)})
		case proto.Store:
			err = c.openStore(m)
		case proto.Leave:
			return errors.New("left")
		default:
			err = fmt.Errorf("unexpected message %d", m.Op)
		}
		if err != nil {
			return err
		}
	}
}

// introduce links c with the domain of the given number, or has it wait for that.
func (b *Broker) introduce(c *client, number uint32) proto.Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := platform.DomID(number)
	if number == 0 || number >= uint32(platform.FirstReserved) || id == c.id {
		return proto.NoDomain
	}
	other := b.domains[id]
	switch {
	case other == nil && !b.ids.used(id):
		return b.want(c, id)
	case other == nil || other.dead:
		return proto.Gone
	}
	return b.link(c, other)
}

// want remembers that c waits for a domain that hasn't joined yet.
func (b *Broker) want(c *client, id platform.DomID) proto.Status {
	if len(c.wants) >= b.opts.MaxLinks {
		return proto.NoSpace
	}
	if b.wanted[id] == nil {
		b.wanted[id] = map[*client]struct{}{}
	}
	b.wanted[id][c] = struct{}{}
	c.wants[id] = struct{}{}
	return proto.NoDomain
}

// link gives each of two domains one end of a new connection. Two domains are
// linked once in their lives: who drops the link has dropped the other for good.
func (b *Broker) link(c, other *client) proto.Status {
	if c.links[other.id] != nil {
		return proto.OK
	}
	if c.dead || other.dead {
		return proto.Gone
	}
	if len(c.links) >= b.opts.MaxLinks || len(other.links) >= b.opts.MaxLinks {
		return proto.NoSpace
	}
	x, y, err := sys.Pair(unix.SOCK_SEQPACKET)
	if err != nil {
		b.opts.Log.Error("link", "err", err)
		return proto.NoSpace
	}
	defer sys.CloseAll([]int{x, y})
	if err := c.tell(other, x); err != nil {
		return proto.Gone
	}
	c.links[other.id], other.links[c.id] = other, c
	if err := other.tell(c, y); err != nil {
		return proto.Gone
	}
	return proto.OK
}

// tell gives c its end of the link with other.
func (c *client) tell(other *client, fd int) error {
	return c.send(proto.Msg{
		Op: proto.Peer, ID: other.who.uid, A: uint32(other.id), B: uint32(other.who.pid),
	}, fd)
}

// end forgets the domain: at once for everybody who asks for it, and for good when
// the store has been cleaned.
func (c *client) end() {
	c.b.mu.Lock()
	c.dead = true
	for id, other := range c.links {
		delete(other.links, c.id)
		delete(c.links, id)
	}
	for id := range c.wants {
		delete(c.b.wanted[id], c)
		if len(c.b.wanted[id]) == 0 {
			delete(c.b.wanted, id)
		}
	}
	for conn := range c.stores {
		conn.Close() // those that speak as domain 0; the store ends the others
	}
	c.b.mu.Unlock()
	c.b.tree.release(c.id)
	c.b.mu.Lock()
	delete(c.b.domains, c.id)
	c.b.mu.Unlock()
}

// read returns the next message. Descriptors aren't welcome.
func (c *client) read() (proto.Msg, error) {
	var buf [proto.MaxSize]byte
	n, fds, err := c.conn.Recv(buf[:])
	if err != nil {
		return proto.Msg{}, err
	}
	if len(fds) > 0 {
		sys.CloseAll(fds)
		return proto.Msg{}, errors.New("unexpected descriptors")
	}
	return proto.Parse(buf[:n])
}

// send never blocks. A client that doesn't read what it is sent is dropped.
func (c *client) send(m proto.Msg, fds ...int) error {
	var buf [proto.MaxSize]byte
	err := c.conn.Send(m.Append(buf[:0]), fds...)
	if err != nil {
		c.conn.Close()
	}
	return err
}

// cleanName keeps what may stand in a store value and a log line.
func cleanName(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}
