//go:build linux

// Package host makes the processes of one Linux machine domains: the default
// platform, which needs no root and no hypervisor. A process calls [Join] and is a
// domain until it calls Close or dies.
//
//	     process A (domain 1)                       process B (domain 2)
//	+---------------------------+             +---------------------------+
//	| events, both ways         |             | the same                  |
//	| arena for 2, read-write   |==  memory ==| the same                  |
//	| arena of 2, read-write    |   of their  | the same                  |
//	| arena for 2, read-only    |==   link  ==| mapped read-only          |
//	| arena of 2, mapped r/o    |             | arena for 1, read-only    |
//	+-------------+-------------+             +-------------+-------------+
//	              |             \--- a line: who ended --/  |
//	              +--- control socket --- broker -----------+
//
// The broker (package broker) numbers the domains, keeps the store, and makes what two
// domains share: sealed memory for each pair, and a line that tells of an end. No domain
// takes a descriptor of another, or a message. A grant is an offset in that memory:
// granting and mapping are no system calls. Events: the FIFO structure of package evtchn
// with a futex word beside it; a notification that finds the receiver awake is no system
// call either. Who is bound to which port is a word there, too.
//
// Whoever sleeps on the futex word that it shares with a peer sleeps on a word of its own
// at the same time (futex_waitv): the peer can keep its own events from waking us, and
// nothing else. A futex rather than an eventfd, because an eventfd's flags and counter
// would be the peer's, too, who could make our write block or eat our own wake-ups.
//
// docs/host.md tells what is protected from whom.
package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host/broker"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
)

// ErrBrokerGone says that the broker has ended or dropped us. What is linked goes
// on: grants, mappings and channels between domains that met before keep working.
// New domains can't be met, and the store is gone.
var ErrBrokerGone = errors.New("the broker is gone")

// ErrNoBroker says that nobody serves the path.
var ErrNoBroker = errors.New("no broker")

// Option adjusts Join.
type Option func(*options)

type options struct {
	name       string
	arenaPages int
}

// WithName names the domain in the store (/local/domain/N/name) and in the
// broker's log. The default is the program's name. At most 64 bytes are kept.
func WithName(name string) Option { return func(o *options) { o.name = name } }

// WithArena sets how many pages the domain can have granted to one peer at a time
// with one kind of access: 16 to 65536 (256 MiB). The default is 65536, or 4096 on
// 32-bit machines. It is address space, and memory only as far as it is granted.
func WithArena(pages int) Option { return func(o *options) { o.arenaPages = pages } }

// Domain is the calling process (or one of several parts of it) as a domain. It
// implements [platform.Domain].
type Domain struct {
	id       platform.DomID
	opts     options
	control  *control
	tags     atomic.Uint32  // the last given to a peer's ports
	embedded *broker.Broker // the one that ends with us, or nil
	stays    stays

	peers atomic.Pointer[map[platform.DomID]*peer] // those that live; replaced whole under mu

	mu     sync.Mutex
	closed bool
	held   map[*peer]struct{}     // every peer that something of still exists for
	stores map[io.Closer]struct{} // store connections
	wg     sync.WaitGroup
}

var (
	_ platform.Domain = (*Domain)(nil)
	_ platform.Users  = (*Domain)(nil)
)

// Join makes the caller a domain at the broker whose store socket is at path. If that is
// empty it is the one that the environment names, IDC_PLATFORM=host:PATH, else the one at
// [DefaultPath]. It blocks until the broker has answered or ctx ends.
func Join(ctx context.Context, path string, opts ...Option) (*Domain, error) {
	o := options{name: programName(), arenaPages: defaultArenaPages}
	for _, f := range opts {
		f(&o)
	}
	o.arenaPages = min(max(o.arenaPages, minArenaPages), maxArenaPages)
	o.name = o.name[:min(len(o.name), proto.MaxName)]
	if path == "" {
		var err error
		if path, err = usualPath(); err != nil {
			return nil, err
		}
	}
	return joinAt(ctx, path, o)
}

// joinAt makes the caller a domain.
func joinAt(ctx context.Context, path string, o options) (*Domain, error) {
	d := &Domain{opts: o, held: map[*peer]struct{}{}, stores: map[io.Closer]struct{}{}}
	d.stays.turn = make(chan struct{}, 1)
	d.peers.Store(&map[platform.DomID]*peer{})
	c, err := dial(ctx, path)
	if err != nil {
		return nil, err
	}
	w, err := c.join(ctx, o)
	if err != nil {
		c.conn.Close()
		return nil, fmt.Errorf("join the broker at %s: %w", path, err)
	}
	d.id, d.control = platform.DomID(w.A), c
	d.wg.Go(func() { c.serve(d.notice) })
	return d, nil
}

// ID is our number.
func (d *Domain) ID() platform.DomID { return d.id }

// DialStore opens a connection to the broker's store that speaks as this domain,
// whatever else the process is.
func (d *Domain) DialStore(ctx context.Context) (io.ReadWriteCloser, error) {
	return d.dialStore(ctx, 0)
}

// DialToolstack opens a connection to the broker's store that speaks as domain 0,
// privileged: it may read and write everything. The broker gives it to processes of
// its own user and root's alone.
func (d *Domain) DialToolstack(ctx context.Context) (io.ReadWriteCloser, error) {
	return d.dialStore(ctx, proto.PrivilegedStore)
}

func (d *Domain) dialStore(ctx context.Context, flags uint16) (io.ReadWriteCloser, error) {
	a, err := d.control.askFor(ctx, proto.Msg{Op: proto.Store, Flags: flags})
	if err == nil {
		err = a.Status.Err()
	}
	if err == nil && len(a.fds) != 1 {
		sys.CloseAll(a.fds)
		err = errors.New("no descriptor came")
	}
	if err != nil {
		return nil, d.wrap("dial the store", err)
	}
	f := os.NewFile(uintptr(a.fds[0]), "store")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("host: dial the store: %w", err)
	}
	s := &storeConn{Conn: conn, d: d}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		conn.Close()
		return nil, d.wrap("dial the store", platform.ErrClosed)
	}
	d.stores[s] = struct{}{}
	return s, nil
}

// storeConn is a store connection that Close of its domain closes too.
type storeConn struct {
	net.Conn
	d *Domain
}

func (s *storeConn) Close() error {
	s.d.mu.Lock()
	delete(s.d.stores, s)
	s.d.mu.Unlock()
	return s.Conn.Close()
}

// hangUpTime bounds how long Close waits for the peers to notice.
const hangUpTime = 250 * time.Millisecond

// end ends this stay of the domain.
func (d *Domain) end() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return platform.ErrClosed
	}
	d.closed = true
	d.peers.Store(&map[platform.DomID]*peer{})
	held, stores := keys(d.held), keys(d.stores)
	d.mu.Unlock()
	d.control.fail(platform.ErrClosed)
	for _, s := range stores {
		s.Close()
	}
	for _, p := range held {
		p.hangUp()
	}
	d.control.leave()
	ctx, cancel := context.WithTimeout(context.Background(), hangUpTime)
	defer cancel()
	for _, p := range held {
		p.end(ctx)
	}
	return nil
}

// wrap says in an error of this domain what failed; ErrClosed comes before any other
// cause once Close was called.
func (d *Domain) wrap(what string, err error) error {
	if d.isClosed() {
		err = platform.ErrClosed
	}
	return fmt.Errorf("host: domain %d: %s: %w", d.id, what, err)
}

func (d *Domain) isClosed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closed
}

// notice takes what the broker tells us of a peer. It owns the descriptors.
func (d *Domain) notice(m proto.Msg, fds []int) proto.Status {
	id := platform.DomID(m.A)
	switch {
	case m.Op == proto.Peer && len(fds) >= 3:
		return d.meetNew(id, m, fds)
	case m.Op == proto.Ready:
		p, fd := d.lookup(id), -1
		if len(fds) == 1 {
			fd = fds[0]
		}
		if p == nil {
			closeFD(fd)
		} else if !p.ready(m, fd) {
			p.drop()
		}
	case m.Op == proto.Gone:
		if p := d.lookup(id); p != nil {
			p.drop()
		}
	default:
		sys.CloseAll(fds)
	}
	return proto.OK
}

// meetNew makes a peer of the memory that the broker made for it and us.
func (d *Domain) meetNew(id platform.DomID, m proto.Msg, fds []int) proto.Status {
	p, err := newPeer(d, m, fds)
	if err != nil {
		return proto.NoSpace
	}
	d.mu.Lock()
	closed := d.closed || d.lookup(id) != nil
	if !closed {
		d.held[p] = struct{}{}
		d.setPeer(id, p)
	}
	d.mu.Unlock()
	if closed {
		p.drop()
		return proto.Ended
	}
	d.wg.Go(p.watch)
	return proto.OK
}

// lookup returns the peer of that number if we know it and it lives.
func (d *Domain) lookup(id platform.DomID) *peer { return (*d.peers.Load())[id] }

// setPeer makes p the peer of that number, or none when p is nil. d.mu is held.
func (d *Domain) setPeer(id platform.DomID, p *peer) {
	old := *d.peers.Load()
	next := make(map[platform.DomID]*peer, len(old)+1)
	for k, v := range old {
		next[k] = v
	}
	if p != nil {
		next[id] = p
	} else {
		delete(next, id)
	}
	d.peers.Store(&next)
}

// forget takes a peer that has ended out of the table.
func (d *Domain) forget(p *peer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lookup(p.id) == p {
		d.setPeer(p.id, nil)
	}
}

// release drops the last trace of a peer.
func (d *Domain) release(p *peer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.held, p)
}

// ahead returns the peer of that number for granting and listening: it may come
// later, but not have been.
func (d *Domain) ahead(id platform.DomID) (*peer, error) {
	if p := d.lookup(id); p != nil {
		return p, nil
	}
	if id == 0 || id == d.id || id >= platform.FirstReserved {
		return nil, platform.ErrNoDomain
	}
	err := d.meet(id)
	if p := d.lookup(id); p != nil {
		return p, nil // whether or not it is there
	}
	return nil, missing(err)
}

// linked returns the peer of that number for mapping and binding: it must be there.
func (d *Domain) linked(id platform.DomID) (*peer, error) {
	if p := d.lookup(id); p != nil && p.isLinked() {
		return p, nil
	}
	err := d.meet(id)
	if p := d.lookup(id); err == nil && p != nil && p.isLinked() {
		return p, nil
	}
	return nil, missing(err)
}

// missing is why a peer isn't there that the broker has linked us with, or hasn't.
func missing(err error) error {
	if err == nil {
		return platform.ErrPeerGone // we met, and one of us hung up
	}
	return err
}

// meet has the broker link us.
func (d *Domain) meet(id platform.DomID) error {
	a, err := d.control.ask(proto.Msg{Op: proto.Link, A: uint32(id)})
	if err == nil {
		err = a.Status.Err()
	}
	if a.Status == proto.NoSpace {
		err = fmt.Errorf("%w: one of both domains has as many links as it may, or no memory for one more "+
			"(the limits: MaxLinks of the broker, a quarter of that for one other user, and a sixth of 'ulimit -n')", err)
	}
	return err
}

// Cred is who a peer is, as the kernel told the broker when it joined.
type Cred struct{ PID, UID, GID int }

// PeerCred returns who the peer is. It is false as long as we haven't been
// introduced, and once the peer is gone.
func (d *Domain) PeerCred(id platform.DomID) (Cred, bool) {
	p := d.lookup(id)
	if p == nil || !p.isLinked() {
		return Cred{}, false
	}
	return p.cred, true
}

// UserOf returns the user and group that peer runs as, as the kernel told the broker.
func (d *Domain) UserOf(peer platform.DomID) (uid, gid uint32, err error) {
	p, err := d.linked(peer)
	if err != nil {
		return 0, 0, d.wrapPeer("ask who is", peer, err)
	}
	return uint32(p.cred.UID), uint32(p.cred.GID), nil
}

func keys[K comparable](m map[K]struct{}) []K {
	ks := make([]K, 0, len(m))
	for k := range m {
		ks = append(ks, k)
	}
	return ks
}
