// Package grant manages granted memory so that the data path does without
// granting: pages granted once and lent to many transactions ([Pool]), memory that
// a caller fills and that is granted as it stands ([Buffer], [Set]), and, on the
// other side, mappings that outlive the request they were made for ([Cache]).
//
// The front end's side, its own memory:
//
//	NewPool --Grant--> free --Take--> lent --Give--> free ... --Close--> revoked
//
// The back end's side, the peer's memory:
//
//	MapEach --Map--> in use --UnmapEach--> idle --MapEach--> in use ...
//	                   |                     |
//	                   +-- beyond max -----> unmapped <-- evicted, Sweep, Close
//
// Both together are what blkif.h calls persistent grants (feature-persistent).
//
// Threat model. A peer can read and write granted pages whenever it likes, from
// Grant until a revocation that succeeded. A pool or buffer belongs to one peer
// alone, so that what one transaction left in a page is seen by nobody who
// couldn't see it before. Grant references that a peer sends are only ever looked
// up, and counts that it sends aren't believed: tables are bounded by their owner.
package grant

import (
	"fmt"
	"sync"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// Pool is a number of pages of ours, granted to one peer when the pool is made and
// not again, and lent to transactions meanwhile. Pages are taken last in, first
// out, as Linux's blkfront does it: the peer's cache of mappings, and the
// processor's, see the fewest different pages. All methods may be called by any
// number of goroutines at once and never block for long; Take and Give don't
// allocate.
type Pool struct {
	grant platform.Grant
	mem   shm.Memory
	refs  []platform.GrantRef

	mu     sync.Mutex
	free   []uint32 // a stack; its end is taken next
	lent   []bool   // by page
	closed bool
}

// NewPool grants pages (at least one) of zeroed memory to peer. It fails as
// platform.Domain.Grant does.
func NewPool(d platform.Domain, peer platform.DomID, pages int, access platform.Access) (*Pool, error) {
	if pages < 1 {
		return nil, fmt.Errorf("grant: a pool of %d pages: ask for at least one", pages)
	}
	g, err := d.Grant(peer, pages, access)
	if err != nil {
		return nil, fmt.Errorf("grant: granting a pool of %d pages to domain %d: %w", pages, peer, err)
	}
	p := &Pool{grant: g, mem: g.Memory(), refs: g.Refs(), free: make([]uint32, pages), lent: make([]bool, pages)}
	for i := range p.free {
		p.free[i] = uint32(pages - 1 - i) // page 0 is taken first
	}
	return p, nil
}

// Size returns the number of pages, lent or not.
func (p *Pool) Size() int { return len(p.lent) }

// Free returns the number of pages that aren't lent.
func (p *Pool) Free() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.free)
}

// Page returns page i, one page long, valid until Close. It holds what the last
// transaction left there, or what the peer wrote.
func (p *Pool) Page(i uint32) shm.Memory { return p.mem.Page(int(i)) }

// Ref returns the grant reference of page i.
func (p *Pool) Ref(i uint32) platform.GrantRef { return p.refs[i] }

// Take lends n pages and writes their numbers to out[:n], or it lends none and
// returns false because fewer are free or the pool is closed.
func (p *Pool) Take(n int, out []uint32) bool {
	out = out[:n]
	p.mu.Lock()
	defer p.mu.Unlock()
	if n > len(p.free) || p.closed {
		return false
	}
	for k := range out {
		last := len(p.free) - 1
		out[k] = p.free[last]
		p.free = p.free[:last]
		p.lent[out[k]] = true
	}
	return true
}

// Give takes lent pages back. The transaction must have ended: the peer was told
// of them for that one alone. The pages given last are taken first. It panics if
// a page isn't lent.
func (p *Pool) Give(pages []uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k := len(pages) - 1; k >= 0; k-- {
		i := pages[k]
		if int(i) >= len(p.lent) || !p.lent[i] {
			panic(fmt.Sprintf("grant: page %d was given to a pool that hasn't lent it", i))
		}
		p.lent[i] = false
		p.free = append(p.free, i) // never grows: it had room for all
	}
}

// Close revokes all pages and returns them to the platform, which abandons and
// counts those that the peer won't release. No page may be touched afterwards, but
// lent ones may still be given. Take fails from now on. A second Close does
// nothing.
func (p *Pool) Close() {
	p.mu.Lock()
	closed := p.closed
	p.closed = true
	p.mu.Unlock()
	if !closed {
		p.grant.Free()
	}
}
