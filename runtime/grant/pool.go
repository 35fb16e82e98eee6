// Package grant manages granted memory so that the data path does without
// granting: pages granted once and lent to many transactions ([Pool]), memory that
// a caller fills and that is granted as it stands ([Buffer], [Set]), and, on the
// other side, mappings that outlive the request they were made for ([Cache]).
//
// The front end's side, its own memory:
//
//	Grant, as needed --> free --Take--> lent --Give--> free ... --Close--> revoked
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

// Pool is pages of ours, granted to one peer by and by as transactions need them, and not
// again, and lent to transactions meanwhile. Pages are taken last in, first
// out, as Linux's blkfront does it: the peer's cache of mappings, and the
// processor's, see the fewest different pages, and memory that was never needed is never
// granted. All methods may be called by any number of goroutines at once and never block
// for long; Take and Give don't allocate once the pages are there.
type Pool struct {
	domain platform.Domain
	peer   platform.DomID
	access platform.Access
	short  func(error)

	// chunks hold the pages that were granted; a page's place is written before its number
	// is first given out, and not changed then.
	chunks []*chunk

	mu      sync.Mutex
	grants  []platform.Grant
	granted int      // pages
	most    int      // that there may be; what was granted, once no more are to be had
	free    []uint32 // a stack; its end is taken next
	lent    []bool   // by page
	closed  bool
}

// chunkPages is how many pages are granted at a time, where more than a few are needed.
const chunkPages = 32

type chunk [chunkPages]struct {
	mem shm.Memory
	ref platform.GrantRef
}

// NewPool makes a pool of that many pages, at least one, all of them granted. It fails
// as platform.Domain.Grant does.
func NewPool(d platform.Domain, peer platform.DomID, pages int, access platform.Access) (*Pool, error) {
	return GrowingPool(d, peer, pages, pages, access, nil)
}

// GrowingPool makes a pool of first pages, at least one, that grows to most when
// transactions need them. If the platform hasn't as many, it stays as it is, and short,
// if not nil, is called once with the reason, on a goroutine of its own. It fails as
// platform.Domain.Grant does for the first pages.
func GrowingPool(d platform.Domain, peer platform.DomID, first, most int, access platform.Access, short func(error)) (*Pool, error) {
	most = max(first, most)
	if first < 1 {
		return nil, fmt.Errorf("grant: a pool of %d pages: ask for at least one", first)
	}
	p := &Pool{
		domain: d, peer: peer, access: access, short: short, most: most,
		chunks: make([]*chunk, (most+chunkPages-1)/chunkPages),
	}
	if err := p.growLocked(first); err != nil {
		return nil, err
	}
	return p, nil
}

// growLocked grants n more pages.
func (p *Pool) growLocked(n int) error {
	g, err := p.domain.Grant(p.peer, n, p.access)
	if err != nil {
		return fmt.Errorf("grant: granting %d pages more to domain %d than its %d: %w", n, p.peer, p.granted, err)
	}
	p.grants = append(p.grants, g)
	p.lent = append(p.lent, make([]bool, n)...)
	for i := range n {
		at := p.granted + i
		c := p.chunks[at/chunkPages]
		if c == nil {
			c = new(chunk)
			p.chunks[at/chunkPages] = c
		}
		c[at%chunkPages].mem, c[at%chunkPages].ref = g.Memory().Page(i), g.Refs()[i]
	}
	// The lowest number is taken first, and those that were free before it.
	old := len(p.free)
	p.free = append(p.free, make([]uint32, n)...)
	copy(p.free[n:], p.free[:old])
	for i := range n {
		p.free[i] = uint32(p.granted + n - 1 - i)
	}
	p.granted += n
	if cap(p.free) < p.granted {
		p.free = append(make([]uint32, 0, p.granted), p.free...)
	}
	return nil
}

// needLocked grants pages until n are free, if it can.
func (p *Pool) needLocked(n int) bool {
	for lacking := n - len(p.free); lacking > 0; lacking = n - len(p.free) {
		room := p.most - p.granted
		if lacking > room || p.closed {
			return false
		}
		err := p.growLocked(min(max(lacking, chunkPages), room))
		if err != nil && lacking < chunkPages {
			err = p.growLocked(lacking)
		}
		if err != nil {
			p.most = p.granted
			if p.short != nil {
				go p.short(err)
			}
			return false
		}
	}
	return true
}

// Size returns the number of pages that there may be, lent or not.
func (p *Pool) Size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.most
}

// Free returns the number of pages that may be taken.
func (p *Pool) Free() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.most - p.granted + len(p.free)
}

// Granted returns the number of pages that were granted.
func (p *Pool) Granted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.granted
}

// Page returns page i, one page long, valid until Close. It holds what the last
// transaction left there, or what the peer wrote.
func (p *Pool) Page(i uint32) shm.Memory { return p.chunks[i/chunkPages][i%chunkPages].mem }

// Ref returns the grant reference of page i.
func (p *Pool) Ref(i uint32) platform.GrantRef { return p.chunks[i/chunkPages][i%chunkPages].ref }

// Take lends n pages and writes their numbers to out[:n], or it lends none and
// returns false because fewer are free or the pool is closed.
func (p *Pool) Take(n int, out []uint32) bool {
	out = out[:n]
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || n > len(p.free) && !p.needLocked(n) {
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
	grants := p.grants
	p.closed, p.grants = true, nil
	p.mu.Unlock()
	for _, g := range grants {
		g.Free()
	}
}
