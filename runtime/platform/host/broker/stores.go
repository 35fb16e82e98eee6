//go:build linux

package broker

import (
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
)

// serveStore serves a connection made on the store's socket by any program that
// speaks xenstore. A process that joined speaks as its domain; another one of the
// broker's user, or root, speaks as the toolstack (domain 0, privileged); anybody
// else is refused.
func (b *Broker) serveStore(c *net.UnixConn, w who, u *user) {
	id, joined := b.domainOf(w)
	if !joined && !w.trusted() {
		b.log.note(w, "store connection refused: not a domain")
		return
	}
	err := b.tree.serve(paced{c, u}, id, !joined)
	b.log.detail(w, "store connection ended", "domain", id, "cause", err)
}

// domainOf returns the domain that a process is; the first, if it is several.
func (b *Broker) domainOf(w who) (id platform.DomID, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for n, c := range b.domains {
		if c.welcomed && !c.dead && (!ok || n < id) && c.who.is(w) {
			id, ok = n, true
		}
	}
	return id, ok
}

// openStore answers Store: it makes a connection, serves one end as the domain that
// asks, and hands it the other. No socket address is needed, so several domains in
// one process are told apart.
func (c *client) openStore(m proto.Msg) error {
	refuse := func(s proto.Status) error {
		return c.send(proto.Msg{Op: proto.StoreIs, ID: m.ID, Status: s})
	}
	privileged := m.Flags&proto.PrivilegedStore != 0
	if privileged && !c.who.trusted() {
		return refuse(proto.Refused)
	}
	ours, theirs, err := storePair()
	if err != nil {
		c.b.log.problem("make a store connection", err)
		return refuse(proto.NoSpace)
	}
	defer unix.Close(theirs)
	if !c.addStore(ours) {
		ours.Close()
		return refuse(proto.NoSpace)
	}
	id := c.id
	if privileged {
		id = 0
	}
	c.b.wg.Go(func() {
		defer c.dropStore(ours)
		err := c.b.tree.serve(paced{ours, c.user}, id, privileged)
		c.b.log.detail(c.who, "store connection ended", "domain", c.id, "cause", err)
	})
	return c.send(proto.Msg{Op: proto.StoreIs, ID: m.ID}, theirs)
}

// storePair returns a new stream connection: our end, and the descriptor of theirs.
func storePair() (ours *net.UnixConn, theirs int, err error) {
	x, theirs, err := sys.Pair(unix.SOCK_STREAM)
	if err != nil {
		return nil, -1, err
	}
	refuseRights(x)
	f := os.NewFile(uintptr(x), "store")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		unix.Close(theirs)
		return nil, -1, err
	}
	return c.(*net.UnixConn), theirs, nil
}

// addStore counts a store connection of the domain, if it may have one more.
func (c *client) addStore(conn *net.UnixConn) bool {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	if c.dead || len(c.stores) >= c.b.opts.MaxStores || !c.b.enterLocked(c.who, c.user) {
		return false
	}
	c.stores[conn] = struct{}{}
	c.b.conns[conn] = struct{}{}
	return true
}

func (c *client) dropStore(conn *net.UnixConn) {
	conn.Close()
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	delete(c.stores, conn)
	c.b.leaveLocked(conn, c.user)
}
