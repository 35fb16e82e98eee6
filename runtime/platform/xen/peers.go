//go:build linux

package xen

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
)

const (
	// roundTime is how long between two looks whether the peers still live, where the
	// store tells us nothing: it tells only privileged domains of others' ends
	// (@releaseDomain, docs/misc/xenstore.txt).
	roundTime = 2 * time.Second
	// askTime bounds a question to the store.
	askTime = 2 * time.Second
)

// peer is one life of another domain, from our first dealings with it on.
type peer struct {
	id   platform.DomID
	gone atomic.Bool

	// Guarded by registry.mu.
	seen       bool // the hypervisor knew it
	introduced bool // the store knew it
	channels   map[*channel]struct{}
}

// registry knows which domains we deal with, and notices their ends. Xen itself
// doesn't tell: the remote end of an event channel goes away without an event. So
// one goroutine looks at every event of @releaseDomain, and every two seconds:
//
//   - is the domain known to the store? It forgets a domain that is dying, even if
//     we keep it from going away by mapping its pages;
//   - does the hypervisor know it? An attempt to bind its port 0, which nobody can,
//     fails with ESRCH if it doesn't.
//
// A domain of our own number is us, and lives as long as we ask.
type registry struct {
	d      *Domain
	ctx    context.Context
	cancel context.CancelFunc
	ended  chan struct{}

	mu     sync.Mutex
	closed bool
	peers  map[platform.DomID]*peer // no more than there are numbers
	open   int                      // channels
	client *store.Client            // nil while the store can't be reached
}

func (r *registry) start(d *Domain, client *store.Client) {
	r.d, r.client, r.ended = d, client, make(chan struct{})
	r.peers = map[platform.DomID]*peer{}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	go r.run()
}

// stop ends the goroutine and closes every channel.
func (r *registry) stop() {
	r.mu.Lock()
	r.closed = true
	var all []*channel
	for _, p := range r.peers {
		for c := range p.channels {
			all = append(all, c)
		}
	}
	r.mu.Unlock()
	r.cancel()
	for _, c := range all {
		_ = c.Close() // closed meanwhile is closed too
	}
	<-r.ended
}

// ahead returns the peer of that number for granting and listening: it may come
// later, but not have been.
func (r *registry) ahead(id platform.DomID) (*peer, error) {
	if id >= platform.FirstReserved {
		return nil, platform.ErrNoDomain
	}
	r.mu.Lock()
	p, closed := r.peers[id], r.closed
	r.mu.Unlock()
	if closed {
		return nil, platform.ErrClosed
	}
	if p != nil && !p.gone.Load() {
		return p, nil
	}
	next := &peer{id: id, channels: map[*channel]struct{}{}}
	next.introduced = id == r.d.id || r.isIntroduced(id) == yes
	next.seen = next.introduced || r.exists(id)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch now := r.peers[id]; {
	case r.closed:
		return nil, platform.ErrClosed
	case now != p: // somebody else was faster
		return now, nil
	case p != nil && (!next.seen || p.introduced && !next.introduced):
		return nil, platform.ErrPeerGone
	}
	r.peers[id] = next
	return next, nil
}

// known is for mapping: it fails if the peer of that number has ended or can't be.
func (r *registry) known(id platform.DomID) error {
	r.mu.Lock()
	p, closed := r.peers[id], r.closed
	r.mu.Unlock()
	if closed {
		return platform.ErrClosed
	}
	if p != nil && !p.gone.Load() {
		return nil
	}
	_, err := r.ahead(id)
	return err
}

// verify looks whether a peer lives: nil if it does.
func (r *registry) verify(id platform.DomID) error {
	p, err := r.ahead(id)
	if err != nil {
		return err
	}
	r.look(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case p.gone.Load():
		return platform.ErrPeerGone
	case !p.seen:
		return platform.ErrNoDomain
	}
	return nil
}

// add enters a channel. It is false after stop.
func (r *registry) add(c *channel) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	c.p.channels[c] = struct{}{}
	r.open++
	return true
}

func (r *registry) drop(c *channel) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := c.p.channels[c]; ok {
		delete(c.p.channels, c)
		r.open--
	}
}

func (r *registry) channels() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open
}

// run looks after the peers until stop.
func (r *registry) run() {
	defer close(r.ended)
	var releases *store.Watch
	for r.ctx.Err() == nil {
		if releases == nil {
			releases = r.watch()
		}
		if !r.pause(releases) {
			releases = nil
		}
		for _, p := range r.living() {
			r.look(p)
		}
	}
	r.hangUp()
}

// watch asks to be told of the ends of domains, nil if the store can't be reached.
func (r *registry) watch() *store.Watch {
	ctx, cancel := context.WithTimeout(r.ctx, askTime)
	defer cancel()
	c := r.storeClient()
	if c == nil {
		conn, err := dialStore(ctx, r.d.opts.store)
		if err != nil {
			return nil
		}
		c = store.NewClient(conn)
		r.mu.Lock()
		r.client = c
		r.mu.Unlock()
	}
	w, err := c.Watch(ctx, store.ReleaseDomain)
	if err != nil {
		if c.Err() != nil { // not merely refused
			r.hangUp()
		}
		return nil
	}
	return w
}

// pause waits for the next occasion to look. It is false when the connection ended.
func (r *registry) pause(releases *store.Watch) bool {
	ctx, cancel := context.WithTimeout(r.ctx, roundTime)
	defer cancel()
	if releases == nil {
		<-ctx.Done()
		return false
	}
	if _, err := releases.Next(ctx); err != nil && ctx.Err() == nil {
		r.hangUp()
		return false
	}
	return true
}

func (r *registry) storeClient() *store.Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.client
}

// hangUp ends the connection to the store.
func (r *registry) hangUp() {
	r.mu.Lock()
	c := r.client
	r.client = nil
	r.mu.Unlock()
	if c != nil {
		c.Close()
	}
}

func (r *registry) living() (all []*peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.peers {
		if !p.gone.Load() && p.id != r.d.id {
			all = append(all, p)
		}
	}
	return all
}

// look notices what became of a peer.
func (r *registry) look(p *peer) {
	if p.id == r.d.id {
		return
	}
	introduced, exists := r.isIntroduced(p.id), r.exists(p.id)
	r.mu.Lock()
	defer r.mu.Unlock()
	ended := p.seen && !exists || p.introduced && introduced == no
	p.introduced = p.introduced || introduced == yes
	p.seen = p.seen || exists
	if !ended || r.closed || p.gone.Swap(true) {
		return
	}
	for c := range p.channels {
		c.rouse()
	}
}

// answer is what the store says, if it says anything.
type answer int

const (
	unknown answer = iota
	yes
	no
)

func (r *registry) isIntroduced(id platform.DomID) answer {
	c := r.storeClient()
	if c == nil {
		return unknown
	}
	ctx, cancel := context.WithTimeout(r.ctx, askTime)
	defer cancel()
	switch is, err := c.IsIntroduced(ctx, id); {
	case err != nil:
		return unknown
	case is:
		return yes
	}
	return no
}

// exists reports whether the hypervisor knows a domain. Where it can't be asked, it
// does.
func (r *registry) exists(id platform.DomID) bool {
	if r.d.enter() != nil {
		return true
	}
	defer r.d.leave()
	fd, err := r.d.devices.open(evtchn)
	if err != nil {
		return true
	}
	port, err := sys.EvtchnBind(fd, uint16(id), 0)
	if err == nil { // no Xen lets us, but if one did:
		_ = sys.EvtchnUnbind(fd, port)
	}
	return !errors.Is(err, unix.ESRCH)
}
