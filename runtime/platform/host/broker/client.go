//go:build linux

package broker

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
	"github.com/xenidc/idc/runtime/store"
)

// joinTime is how long a connection may take to say who it is.
const joinTime = 10 * time.Second

// client is a joined domain. Its life is that of its control connection:
//
//	accept -> Join -> Welcome -> questions... -> end of connection
//	          number,            links          store cleaned,
//	          store subtree                     number given back
//
// What stands before mu doesn't change; the rest is guarded by the broker's mu.
type client struct {
	b     *Broker
	id    platform.DomID
	who   who
	user  *user
	sock  *net.UnixConn
	conn  *sys.Packet // on sock
	pages int         // of its arenas
	room  int         // how many links it may have

	welcomed  bool // before that nobody is told of it
	dead      bool // the number is still taken, while the store is cleaned
	pairs     map[platform.DomID]*pair
	byUser    map[uint32]int // the pairs, by the other domain's user
	questions int            // Links not answered
	stores    map[*net.UnixConn]struct{}
	queue     []notice // to be sent
	sent      []notice // and not answered
}

// errTooMany says that a domain asks without waiting for answers.
var errTooMany = errors.New("too many questions at once")

// serveDomain lives a domain's life.
func (b *Broker) serveDomain(uc *net.UnixConn, w who, u *user) {
	conn, err := sys.NewPacket(uc)
	if err != nil {
		return
	}
	c := &client{
		b: b, who: w, user: u, sock: uc, conn: conn,
		pairs: map[platform.DomID]*pair{}, byUser: map[uint32]int{}, stores: map[*net.UnixConn]struct{}{},
	}
	name, err := c.greet()
	if err != nil {
		b.log.note(w, "join refused", "err", err)
		return
	}
	turn := paced{u: u}
	defer func() {
		turn.Begin()
		defer turn.End()
		c.end()
	}()
	b.log.event(w, "domain joined", "domain", c.id, "name", name)
	turn.Begin()
	err = c.welcome(name)
	turn.End()
	if err == nil {
		err = c.listen(turn)
	}
	b.log.event(w, "domain left", "domain", c.id, "cause", err)
}

// greet reads the first message and gives the client its number.
func (c *client) greet() (name string, err error) {
	late := time.AfterFunc(joinTime, func() { sys.ShutDown(c.sock) })
	m, err := c.read()
	late.Stop()
	if err != nil {
		return "", err
	}
	c.pages = clampPages(m.B)
	c.room = int(min(max(m.C, 1), uint32(c.b.opts.MaxLinks)))
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

// welcome makes the domain's place in the store and tells it its number. Only then does
// anybody hear of it: those who watch the store, and those who wait to be linked with it.
func (c *client) welcome(name string) error {
	if err := c.b.tree.prepare(c.id, name, c.who); err != nil {
		c.b.log.problem("store: introduce a domain", err)
		return err
	}
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	if err := c.send(proto.Msg{Op: proto.Welcome, A: uint32(c.id)}); err != nil {
		return err
	}
	c.b.tree.introduce(c.id, c.who)
	c.welcomed = true
	wanted := c.b.wanted[c.id]
	delete(c.b.wanted, c.id)
	for p := range wanted {
		p.joinedLocked(c)
	}
	return nil
}

// listen answers questions until the connection ends or breaks the protocol. Each is
// answered in its user's turn.
func (c *client) listen(turn store.Paced) error {
	for {
		m, err := c.read()
		if err != nil {
			return err
		}
		turn.Begin()
		err = c.handle(m)
		turn.End()
		if err != nil {
			return err
		}
	}
}

func (c *client) handle(m proto.Msg) error {
	switch m.Op {
	case proto.Link:
		return c.b.introduce(c, m)
	case proto.Store:
		return c.openStore(m)
	case proto.Noted:
		return c.noted(m)
	case proto.Leave:
		return errors.New("left")
	}
	return fmt.Errorf("unexpected message %d", m.Op)
}

// fitsLocked reports whether the domain may have one more link, with other, which may be
// nil. A stranger's domains get a quarter of its room together.
func (c *client) fitsLocked(other *client) bool {
	if len(c.pairs) >= c.room {
		return false
	}
	return other == nil || other.who.uid == c.who.uid || other.who.trusted() ||
		c.byUser[other.who.uid] < max(c.room/4, 1)
}

// addPair counts a link of which the domain is that side.
func (c *client) addPair(p *pair, side int) {
	c.pairs[p.ids[1-side]] = p
	if other := p.sides[1-side]; other != nil {
		c.byUser[other.who.uid]++
	}
}

// dropPair uncounts it.
func (c *client) dropPair(p *pair, side int) {
	delete(c.pairs, p.ids[1-side])
	if other := p.sides[1-side]; other != nil {
		if c.byUser[other.who.uid]--; c.byUser[other.who.uid] <= 0 {
			delete(c.byUser, other.who.uid)
		}
	}
}

// end forgets the domain: at once for everybody who asks for it, and for good when
// the store has been cleaned.
func (c *client) end() {
	c.b.mu.Lock()
	c.dead = true
	for _, p := range c.pairs {
		p.endLocked(proto.Ended)
	}
	for conn := range c.stores {
		sys.ShutDown(conn) // those that speak as domain 0; the store ends the others
	}
	c.b.mu.Unlock()
	c.b.tree.release(c.id)
	c.b.mu.Lock()
	delete(c.b.domains, c.id)
	c.b.mu.Unlock()
}

// read returns the next message. Descriptors aren't taken.
func (c *client) read() (proto.Msg, error) {
	var buf [proto.MaxSize]byte
	n, err := c.conn.Recv(buf[:])
	if err != nil {
		return proto.Msg{}, err
	}
	return proto.Parse(buf[:n])
}

// send never blocks. A client that doesn't read the answers to its own questions is
// dropped: what others cause waits for its Noted.
func (c *client) send(m proto.Msg, fds ...int) error {
	var buf [proto.MaxSize]byte
	err := c.conn.Send(m.Append(buf[:0]), fds...)
	if err != nil && !noRoom(err) {
		sys.ShutDown(c.sock)
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
