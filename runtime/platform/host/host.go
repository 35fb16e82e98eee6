//go:build linux

// Package host makes the processes of one Linux machine domains: the default
// platform, which needs no root and no hypervisor. A process calls [Join] and is a
// domain until it calls Close or dies.
//
//	     process A (domain 1)                       process B (domain 2)
//	+---------------------------+             +---------------------------+
//	| arena for 2, read-write   |=== memfd ==>| arena of 1, read-write    |
//	| arena for 2, read-only    |=== memfd ==>| arena of 1, read-only     |
//	| event memory of 1         |<== memfd ===| (2 rings here)            |
//	| (1 rings here)            |=== memfd ==>| event memory of 2         |
//	+------------+--------------+             +-------------+-------------+
//	             |              \---- link (seqpacket) ---/ |
//	             +--- control socket --- broker ------------+
//
// Memory: one sealed memfd for each ordered pair of domains and kind of access. A
// grant is an offset in it: granting and mapping are no system calls. Only the two
// parties ever hold the descriptor. Events: the FIFO structure of package evtchn in
// memory of the receiver's that it shares with one sender, and a futex word beside
// it; a notification that finds the receiver awake is no system call either. The
// broker (package broker) numbers and introduces the domains and keeps the store.
//
// A futex rather than an eventfd, because the descriptor's flags would be shared
// with the peer, which could make our write block or eat our own wake-ups. Both
// measured the same: 3.8 us there and back between two processes.
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

	"golang.org/x/sys/unix"

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
	ports    portTable
	embedded *broker.Broker // the one that ends with us, or nil
	stays    stays

	peers atomic.Pointer[map[platform.DomID]*peer] // those that live; replaced whole under mu

	mu     sync.Mutex
	closed bool
	held   map[*peer]struct{}     // every peer that something of still exists for
	stores map[io.Closer]struct{} // store connections
	wg     sync.WaitGroup
}

var _ platform.Domain = (*Domain)(nil)

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
	w, err := c.join(ctx, o.name)
	if err != nil {
		c.conn.Close()
		return nil, fmt.Errorf("join the broker at %s: %w", path, err)
	}
	d.id, d.control = platform.DomID(w.A), c
	d.wg.Go(func() { c.serve(d.introduced) })
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

func (d *Domain) dialStore(ctx context.Context, flags uint8) (io.ReadWriteCloser, error) {
	a, err := d.control.ask(ctx, proto.Msg{Op: proto.Store, Flags: flags})
	if err == nil {
		err = a.Status.Err()
	}
	if err == nil && a.fd < 0 {
		err = errors.New("no descriptor came")
	}
	if err != nil {
		return nil, d.wrap("dial the store", err)
	}
	f := os.NewFile(uintptr(a.fd), "store")
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

// introduced takes the end of a link that the broker made for us.
func (d *Domain) introduced(m proto.Msg, fd int) {
	conn, err := sys.PacketOf(fd)
	if err != nil {
		return
	}
	id := platform.DomID(m.A)
	p, err := d.record(id)
	if err != nil || !p.attach(conn, Cred{PID: int(m.B), UID: int(m.ID)}) {
		conn.Close()
		return
	}
	d.wg.Go(p.serve)
}

// lookup returns the peer of that number if we know it and it lives.
func (d *Domain) lookup(id platform.DomID) *peer { return (*d.peers.Load())[id] }

// record returns the peer of that number, made if need be.
func (d *Domain) record(id platform.DomID) (*peer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, platform.ErrClosed
	}
	if p := d.lookup(id); p != nil {
		return p, nil
	}
	p, err := newPeer(d, id)
	if err != nil {
		return nil, err
	}
	d.held[p] = struct{}{}
	d.setPeer(id, p)
	return p, nil
}

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
// later, but not have been. The record is made before the broker is asked, so that
// a peer that joins and dies meanwhile is noticed.
func (d *Domain) ahead(id platform.DomID) (*peer, error) {
	if p := d.lookup(id); p != nil {
		return p, nil
	}
	if id == 0 || id == d.id || id >= platform.FirstReserved {
		return nil, platform.ErrNoDomain
	}
	p, err := d.record(id)
	if err != nil {
		return nil, err
	}
	err = d.meet(context.Background(), id)
	if errors.Is(err, platform.ErrNoDomain) {
		return p, nil
	}
	if err == nil && !p.isLinked() {
		err = platform.ErrPeerGone // we met before, and one of us hung up
	}
	if err != nil {
		p.drop()
		return nil, err
	}
	return p, nil
}

// linked returns the peer of that number for mapping and binding: it must be there.
func (d *Domain) linked(id platform.DomID) (*peer, error) {
	p := d.lookup(id)
	if p == nil || !p.isLinked() {
		if err := d.meet(context.Background(), id); err != nil {
			return nil, err
		}
		if p = d.lookup(id); p == nil {
			return nil, platform.ErrPeerGone
		}
	}
	return p, p.ready()
}

// meet has the broker introduce us.
func (d *Domain) meet(ctx context.Context, id platform.DomID) error {
	a, err := d.control.ask(ctx, proto.Msg{Op: proto.Link, A: uint32(id)})
	if err != nil {
		return err
	}
	return a.Status.Err()
}

// Cred is who a peer is, as the kernel told the broker when it joined.
type Cred struct{ PID, UID int }

// PeerCred returns who the peer is. It is false as long as we haven't been
// introduced, and once the peer is gone.
func (d *Domain) PeerCred(id platform.DomID) (Cred, bool) {
	p := d.lookup(id)
	if p == nil || !p.isLinked() {
		return Cred{}, false
	}
	return p.cred, true
}

func keys[K comparable](m map[K]struct{}) []K {
	ks := make([]K, 0, len(m))
	for k := range m {
		ks = append(ks, k)
	}
	return ks
}

func closeFD(fd int) {
	if fd >= 0 {
		unix.Close(fd)
	}
}
