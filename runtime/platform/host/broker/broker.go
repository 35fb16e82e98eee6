//go:build linux

// Package broker makes the processes of one machine domains: it numbers those that
// join, keeps the store for them, introduces them to each other, and cleans up
// after those that die.
//
//	process A --control socket--> broker <--control socket-- process B
//	    |         (join, link)      |  store                    |
//	    +-------- link: sealed memory, and a line that ends ----+
//	                 (the broker makes both, and keeps neither)
//
// It listens on two sockets. PATH speaks the xenstore wire protocol, so that any
// xenstore client works on it; PATH.domains is where processes join. A process is
// known by SO_PEERCRED and SO_PEERPIDFD, by nothing that it says. A domain lives as long
// as its control connection: when the process dies, however it dies, the kernel ends the
// connection and the broker removes what the store held for the domain.
//
// Threat model. Clients may send anything, descriptors included, never read, and die
// anywhere. Each costs its own connection: what the broker sends never blocks, what it
// keeps for a client and for a user is bounded by [Options], what is done for one user is
// done in its turn, and what one domain causes another to be told waits here until that
// one reads.
package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
	"github.com/xenidc/idc/runtime/store"
)

// ErrRunning says that another broker serves the same path.
var ErrRunning = errors.New("a broker is already running")

// Options bounds a broker. A zero field takes the default named at it.
type Options struct {
	// MaxDomains is how many domains there may be at once: 4096.
	MaxDomains int
	// MaxPerUser is how many connections one user other than root and the broker's
	// own may hold, joined or not, control and store together: 1024. All connections
	// together take half of the descriptors that the process may have, and one such user an
	// eighth at most.
	MaxPerUser int
	// MaxLinks is how many others one domain may be linked with: 4096, or fewer if it has
	// no descriptors for as many. A quarter of them may be domains of one other user.
	MaxLinks int
	// MaxStores is how many store connections one domain may hold: 32.
	MaxStores int
	// Names says who may serve which names. A name that no rule is about belongs to the
	// user who had it first, for as long as the broker lives; root may serve any.
	Names []NameRule
	// StoreQuota and UserQuota are what a domain, and all domains of one user, may hold in
	// the store: store.HostQuota, and what its OfUser says.
	StoreQuota store.Quota
	UserQuota  store.UserQuota
	// Mode is the permission bits of both sockets: 0600. Who may open them may join.
	Mode fs.FileMode
	// Log hears of domains that come and go, and of clients sent away. Nil is silence.
	Log *slog.Logger
}

// withDefaults returns o with every zero field replaced.
func (o Options) withDefaults() Options {
	def := func(p *int, n int) {
		if *p <= 0 {
			*p = n
		}
	}
	def(&o.MaxDomains, 4096)
	def(&o.MaxPerUser, 1024)
	def(&o.MaxLinks, 4096)
	def(&o.MaxStores, 32)
	o.MaxDomains = min(o.MaxDomains, int(platform.FirstReserved)-1)
	if o.StoreQuota == (store.Quota{}) {
		o.StoreQuota = store.HostQuota()
	}
	if o.UserQuota == (store.UserQuota{}) {
		o.UserQuota = o.StoreQuota.OfUser()
	}
	if o.Mode == 0 {
		o.Mode = 0o600
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Broker is a running broker. Its methods may be called by any number of
// goroutines at once.
type Broker struct {
	opts    Options
	log     *logger
	max     int // connections
	path    string
	lock    *lockFile
	tree    *tree
	stores  *net.UnixListener // PATH
	control *net.UnixListener // PATH.domains
	wg      sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	domains  map[platform.DomID]*client
	ids      numbers
	users    map[uint32]*user
	wanted   map[platform.DomID]map[*pair]struct{} // what waits for a domain to join
	conns    map[*net.UnixConn]struct{}            // all that Close ends
	sealings map[sealKey][]sealing
}

// Start makes a broker that listens on path and path.domains, whose directory must
// exist. Sockets left by a broker that died are replaced; it fails with ErrRunning
// when one lives there. Close ends it.
func Start(path string, opts Options) (*Broker, error) {
	if err := proto.CheckPath(path); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	lock, err := acquire(path + proto.LockSuffix)
	if err != nil {
		return nil, fmt.Errorf("broker at %s: %w", path, err)
	}
	b := &Broker{
		opts: opts.withDefaults(), path: path, lock: lock,
		domains:  map[platform.DomID]*client{},
		users:    map[uint32]*user{},
		wanted:   map[platform.DomID]map[*pair]struct{}{},
		conns:    map[*net.UnixConn]struct{}{},
		sealings: map[sealKey][]sealing{},
	}
	b.log = newLogger(b.opts.Log)
	b.limitConnections()
	if err := b.open(); err != nil {
		b.Close()
		return nil, fmt.Errorf("broker at %s: %w", path, err)
	}
	b.wg.Go(func() { b.accept(b.control, b.serveDomain) })
	b.wg.Go(func() { b.accept(b.stores, b.serveStore) })
	return b, nil
}

// open makes the store and both sockets.
func (b *Broker) open() (err error) {
	if b.tree, err = newTree(b.opts); err != nil {
		return err
	}
	if b.stores, err = listen("unix", b.path, b.opts.Mode); err != nil {
		return err
	}
	b.control, err = listen("unixpacket", b.path+proto.ControlSuffix, b.opts.Mode)
	return err
}

// Path is the path of the store's socket.
func (b *Broker) Path() string { return b.path }

// Domains returns how many domains there are now.
func (b *Broker) Domains() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.domains)
}

// Close ends the broker: every connection is closed, the sockets are removed.
// Domains lose the store and can't meet new peers; their links with each other go
// on.
func (b *Broker) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		b.waitServed()
		return nil
	}
	b.closed = true
	for c := range b.conns {
		sys.ShutDown(c) // who serves it closes it
	}
	b.mu.Unlock()
	for _, l := range []*net.UnixListener{b.stores, b.control} {
		if l != nil {
			l.Close()
		}
	}
	if b.tree != nil {
		b.tree.close()
	}
	b.waitServed()
	b.lock.release()
	return nil
}

// closeTime bounds how long Close waits for connections to end. A client can keep the
// thread that serves it busy for longer (see [sys.Packet]).
const closeTime = 2 * time.Second

func (b *Broker) waitServed() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.wg.Wait()
	}()
	select {
	case <-done:
	case <-time.After(closeTime):
	}
}

// accept serves a listener until it is closed.
func (b *Broker) accept(l *net.UnixListener, serve func(*net.UnixConn, who, *user)) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			if b.isClosed() {
				return
			}
			// Out of descriptors, most likely: the client in the queue waits.
			b.log.problem("accept", err)
			pause()
			continue
		}
		b.admit(c, serve)
	}
}

// admit starts serving a connection, or closes it when its user has too many.
func (b *Broker) admit(c *net.UnixConn, serve func(*net.UnixConn, who, *user)) {
	w, err := identify(c)
	if err != nil {
		b.log.problem("accept", err)
		c.Close()
		return
	}
	b.mu.Lock()
	u := b.userOfLocked(w.uid)
	ok, wait := b.enterLocked(w, u), time.Duration(0)
	if ok {
		b.conns[c] = struct{}{}
		wait = u.waitLocked()
	} else {
		b.unuseLocked(u)
	}
	b.mu.Unlock()
	if !ok {
		b.refuse(c, w)
		return
	}
	b.wg.Go(func() {
		time.Sleep(wait)
		serve(c, w, u)
		c.Close() // counted until that is done: the client can make it slow
		w.process.Close()
		b.mu.Lock()
		defer b.mu.Unlock()
		b.leaveLocked(c, u)
		b.unuseLocked(u)
	})
}

// limitConnections keeps the broker within its descriptors. A connection takes up to two.
func (b *Broker) limitConnections() {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		l.Cur = 1024
	}
	b.max = int(min(max(l.Cur/4, 8), math.MaxInt32))
	b.opts.MaxPerUser = min(b.opts.MaxPerUser, b.max/4)
}

// enterLocked counts a connection, unless its user's share is used up, or all of them
// are, or we are closed. For users that are trusted a few are kept.
func (b *Broker) enterLocked(w who, u *user) bool {
	if b.closed || len(b.conns) >= b.max || !w.trusted() && (u.conns >= b.opts.MaxPerUser || len(b.conns) >= b.max/8*7) {
		return false
	}
	u.conns++
	return true
}

// leaveLocked uncounts it.
func (b *Broker) leaveLocked(c *net.UnixConn, u *user) {
	delete(b.conns, c)
	u.conns--
}

func (b *Broker) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}
