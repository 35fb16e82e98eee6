//go:build linux

// Package broker makes the processes of one machine domains: it numbers those that
// join, keeps the store for them, introduces them to each other, and cleans up
// after those that die.
//
//	process A --control socket--> broker <--control socket-- process B
//	    |         (join, link)      |  store                    |
//	    +------------- link: a socketpair's two ends -----------+
//	                 (memory, as descriptors; the broker sees none of it)
//
// It listens on two sockets. PATH speaks the xenstore wire protocol, so that any
// xenstore client works on it; PATH.domains is where processes join. A process is
// known by SO_PEERCRED, by nothing that it says. A domain lives as long as its
// control connection: when the process dies, however it dies, the kernel ends the
// connection and the broker removes what the store held for the domain.
//
// Threat model. Clients may send anything, never read, and die anywhere. Each
// costs its own connection: what the broker sends never blocks, and what it keeps
// for a client is bounded by [Options].
package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"sync"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
	"github.com/xenidc/idc/runtime/store"
)

// ErrRunning says that another broker serves the same path.
var ErrRunning = errors.New("a broker is already running")

// Options bounds a broker. A zero field takes the default named at it.
type Options struct {
	// MaxDomains is how many domains there may be at once: 1024.
	MaxDomains int
	// MaxPerUser is how many connections one user other than root and the broker's
	// own may hold, joined or not, control and store together: 256.
	MaxPerUser int
	// MaxLinks is how many others one domain may be linked with: 256.
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
	def(&o.MaxDomains, 1024)
	def(&o.MaxPerUser, 256)
	def(&o.MaxLinks, 256)
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
	path    string
	lock    *lockFile
	tree    *tree
	stores  *net.UnixListener // PATH
	control *net.UnixListener // PATH.domains
	wg      sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	domains map[platform.DomID]*client
	ids     numbers
	users   map[uint32]int                          // connections by user
	wanted  map[platform.DomID]map[*client]struct{} // who waits for a domain to join
	conns   map[interface{ Close() error }]struct{} // all that Close ends
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
		domains: map[platform.DomID]*client{},
		users:   map[uint32]int{},
		wanted:  map[platform.DomID]map[*client]struct{}{},
		conns:   map[interface{ Close() error }]struct{}{},
	}
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
		b.wg.Wait()
		return nil
	}
	b.closed = true
	for c := range b.conns {
		c.Close()
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
	b.wg.Wait()
	b.lock.release()
	return nil
}

// accept serves a listener until it is closed.
func (b *Broker) accept(l *net.UnixListener, serve func(*net.UnixConn, who)) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			if b.isClosed() {
				return
			}
			// Out of descriptors, most likely: the client in the queue waits.
			b.opts.Log.Warn("accept", "err", err)
			pause()
			continue
		}
		b.admit(c, serve)
	}
}

// admit starts serving a connection, or closes it when its user has too many.
func (b *Broker) admit(c *net.UnixConn, serve func(*net.UnixConn, who)) {
	w, err := identify(c)
	if err != nil || !b.enter(c, w) {
		b.opts.Log.Warn("connection refused", "pid", w.pid, "uid", w.uid, "err", err)
		c.Close()
		return
	}
	b.wg.Go(func() {
		defer b.leave(c, w)
		serve(c, w)
	})
}

// enter counts a connection, unless its user's share is used up or we are closed.
func (b *Broker) enter(c *net.UnixConn, w who) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || !w.trusted() && b.users[w.uid] >= b.opts.MaxPerUser {
		return false
	}
	b.users[w.uid]++
	b.conns[c] = struct{}{}
	return true
}

// leave closes and uncounts a connection.
func (b *Broker) leave(c *net.UnixConn, w who) {
	c.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.conns, c)
	if b.users[w.uid]--; b.users[w.uid] == 0 {
		delete(b.users, w.uid)
	}
}

func (b *Broker) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// who is a client as the kernel describes it.
type who struct {
	pid      int32
	uid, gid uint32
}

// trusted reports whether the client may do what the broker may: it could kill it
// anyway.
func (w who) trusted() bool { return w.uid == 0 || w.uid == uint32(os.Geteuid()) }
