// Package sim is a world of domains within one process, for tests: a platform in
// which every grant is checked, every death can be ordered, and nothing needs the
// kernel.
//
//	          World
//	+-----------+------------+----------------+
//	Domain 1    Domain 2     Domain 3       store
//	 grants      grants       grants
//	 ports <--FIFO 2->1-- ...
//	       --FIFO 1->2-->
//
// Memory is ordinary Go memory (shm.Alloc), so that the race detector watches both
// sides of each channel. Events go through the FIFO structure of evtchn, one for
// each ordered pair of domains; no goroutine stands behind them: whoever notifies
// runs the receiver's upcall, as an interrupt would. Nothing here reads a clock or
// makes a system call, so worlds work within testing/synctest bubbles.
//
// What differs from other platforms:
//
//   - Go memory can't be mapped twice, so Map takes several pages only if they lie
//     side by side in one grant (see [ErrScattered]). MapEach takes any.
//   - A domain that revokes a grant gets fresh pages, and the peer keeps the old
//     ones, zeroed: fetch [platform.Grant]'s Memory anew after Revoke.
//   - Access to memory is checked when it is mapped. A read-only mapping could be
//     written through afterwards: only the race detector may notice.
package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
)

// Limits on what a domain may hold, where [Options] says nothing.
const (
	// DefaultGrants is the number of granted pages: what Xen's 64 grant table frames
	// hold (xen/common/grant_table.c).
	DefaultGrants = 32768
	// DefaultPorts is the number of event channel ports, port 0 included.
	DefaultPorts = 1024
)

// Options shapes a World. The zero value is a good one.
type Options struct {
	// Grants is how many pages a domain may have granted at once; 0 is DefaultGrants.
	Grants int
	// Ports is how many ports a domain has, port 0 included; 0 is DefaultPorts.
	Ports int
	// HoldGrants makes grants behave as on Xen: while the peer has a page mapped,
	// Revoke fails and Free abandons the page.
	HoldGrants bool
	// Hook, if set, is called at the start of every operation, and may delay it or
	// make it fail. See [Shake] and [FailNth].
	Hook Hook
	// Store shapes the world's store. Without a quota it is store.HostQuota, and without
	// shared directories they are store.Discovery's.
	Store store.Options
	// Dial, if set, connects a domain to a store of the test's own instead of the
	// world's.
	Dial func(ctx context.Context, dom platform.DomID) (io.ReadWriteCloser, error)
}

// World is a set of domains that can reach each other. Its methods may be called
// by any number of goroutines at once.
type World struct {
	opts  Options
	store *worldStore

	mu      sync.Mutex
	domains map[platform.DomID]*Domain
	beings  map[platform.DomID]*being
	fifos   map[route]*fifo
	next    platform.DomID
}

// being is whether a domain is, was, or may yet be there.
type being struct {
	gone chan struct{} // closed when the domain ends
}

// over reports whether the domain has ended.
func (b *being) over() bool {
	select {
	case <-b.gone:
		return true
	default:
		return false
	}
}

// New returns a world without domains.
func New(opts Options) *World {
	if opts.Grants <= 0 {
		opts.Grants = DefaultGrants
	}
	if opts.Ports <= 0 {
		opts.Ports = DefaultPorts
	}
	return &World{
		opts:    opts,
		store:   newWorldStore(opts),
		domains: map[platform.DomID]*Domain{},
		beings:  map[platform.DomID]*being{},
		fifos:   map[route]*fifo{},
		next:    1,
	}
}

// NewDomain starts a domain, numbered from 1 up. Numbers aren't used again. It
// fails with platform.ErrNoSpace when there is no number left, and when the store
// refuses the domain.
func (w *World) NewDomain() (*Domain, error) {
	w.mu.Lock()
	id := w.next
	if id >= platform.FirstReserved {
		w.mu.Unlock()
		return nil, fmt.Errorf("sim: all domain numbers are used: %w", platform.ErrNoSpace)
	}
	w.next++
	w.mu.Unlock()
	return w.start(id)
}

// Control returns domain 0, which may do everything in the store, and starts it
// on the first call.
func (w *World) Control() (*Domain, error) {
	if d := w.Domain(0); d != nil {
		return d, nil
	}
	return w.start(0)
}

// start makes the domain with a number that no other has had.
func (w *World) start(id platform.DomID) (*Domain, error) {
	if err := w.store.introduce(id); err != nil {
		return nil, fmt.Errorf("sim: introduce domain %d to the store: %w", id, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if d := w.domains[id]; d != nil {
		return d, nil
	}
	d := newDomain(w, id, w.being(id))
	w.domains[id] = d
	return d, nil
}

// Domain returns a domain that was started, or nil. It may have ended since.
func (w *World) Domain(id platform.DomID) *Domain {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.domains[id]
}

// Store returns the server of the world's store, for what only its owner may do. It
// is nil with Options.Dial.
func (w *World) Store() *store.Server { return w.store.server }

// Kill ends a domain at once, as kill -9 ends a process: nothing of it says
// goodbye. Its blocked calls return platform.ErrClosed, its peers' Wait returns
// platform.ErrPeerGone, its grants can't be mapped any more, and what the peers
// have mapped of it stays as it is until they unmap it.
func (w *World) Kill(dom platform.DomID) {
	if d := w.Domain(dom); d != nil {
		d.end(false)
	}
}

// Close ends every domain and the store, and returns when nothing of the world
// runs any more. Leaks is to be asked before.
func (w *World) Close() {
	for _, d := range w.all() {
		d.end(true)
	}
	w.store.close()
}

// Leaks describes everything that domains still hold, once a line: grants, mappings,
// channels, store connections. Domains that have ended hold nothing.
func (w *World) Leaks() []string {
	var leaks []string
	for _, d := range w.all() {
		leaks = append(leaks, d.leaks()...)
	}
	return leaks
}

// Abandoned returns how many pages of a domain were freed while the peer wouldn't
// let go of them, and still doesn't. It is 0 without HoldGrants.
func (w *World) Abandoned(dom platform.DomID) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d := w.domains[dom]; d != nil {
		return d.grants.abandoned
	}
	return 0
}

// all returns the domains that were started, by number.
func (w *World) all() []*Domain {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []*Domain
	for _, d := range w.domains {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b *Domain) int { return int(a.id) - int(b.id) })
	return all
}

// being returns what is known of a domain number. w.mu is held.
func (w *World) being(id platform.DomID) *being {
	b := w.beings[id]
	if b == nil {
		b = &being{gone: make(chan struct{})}
		w.beings[id] = b
	}
	return b
}

// ErrScattered is returned by Map for pages that don't lie side by side in one
// grant, in order.
var ErrScattered = errors.New("pages of Go memory that are apart can't be mapped side by side")
