package grant

import (
	"errors"
	"fmt"
	"sync"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// DefaultMax is how many mappings Linux's blkback keeps for a ring: 32 slots of
// 33 pages, max_persistent_grants in drivers/block/xen-blkback/blkback.c.
const DefaultMax = 1056

// Cache keeps a back end's mappings of a peer's pages from one request to the
// next. Use it only where the protocol lets the back do so (feature-persistent of
// blkif.h): a mapping that is kept is a page that the peer can't have back, and a
// reference that the peer gives a new meaning meanwhile still gets the old page.
//
// Mappings are told apart by reference and access; a back end that reads and
// writes the same pages does best to ask for ReadWrite always, as blkback does.
//
// All methods may be called by any number of goroutines at once. A hit makes no
// call of the platform and doesn't allocate. A miss holds the cache's lock while
// the platform maps: give each queue a cache of its own if that matters.
type Cache struct {
	domain platform.Domain
	peer   platform.DomID

	mu     sync.Mutex
	max    int // mappings to keep; lowered to 0 by Close
	closed bool
	table  table
	stats  Stats

	ref  [1]platform.GrantRef // arguments of the platform's calls, in use only
	page [1]shm.Memory        // while one runs, so that they don't allocate
}

// Stats accounts for a cache. Counts are of pages, since the cache was made,
// unless told otherwise.
type Stats struct {
	Hits     uint64 // asked for and found mapped
	Misses   uint64 // asked for and mapped by the platform
	Failures uint64 // calls of MapEach that failed
	Unmapped uint64 // unmapped again, for whatever reason
	Mapped   int    // mapped now
	InUse    int    // mapped now and not idle
}

// NewCache makes a cache of peer's pages that keeps at most limit pages
// mapped, those in use included, and only pages in use if limit is below 1. It
// reserves its own memory for limit pages.
func NewCache(d platform.Domain, peer platform.DomID, limit int) *Cache {
	limit = max(limit, 0)
	return &Cache{domain: d, peer: peer, max: limit, table: newTable(limit)}
}

// MapEach is platform.Domain.MapEach, but maps only what isn't mapped already.
// pages[i] becomes the page of refs[i]; a reference may occur several times. All
// are mapped or none: on an error, what was mapped for the call is idle. Each
// success is paired with one UnmapEach of the same references and access. It fails
// as the platform does, and with platform.ErrClosed after Close.
//
// Where there is no room for a new mapping, the one that was idle the longest makes
// room. Where none is idle the new mapping exceeds the limit, and is unmapped as
// soon as it is idle.
func (c *Cache) MapEach(refs []platform.GrantRef, access platform.Access, pages []shm.Memory) error {
	pages = pages[:len(refs)]
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return fmt.Errorf("grant: mapping through a cache: %w", platform.ErrClosed)
	}
	c.pin(refs, access, pages)
	for i := range refs {
		if pages[i].Len() != 0 {
			continue
		}
		if err := c.mapOne(refs[i:i+1], access, pages[i:i+1]); err != nil {
			c.undo(refs, access, pages)
			return fmt.Errorf("grant: mapping page %d of %d, reference %d of domain %d: %w", i+1, len(refs), refs[i], c.peer, err)
		}
	}
	return nil
}

// pin takes into use what is mapped, before anything is evicted for the rest, and
// leaves the other pages empty.
func (c *Cache) pin(refs []platform.GrantRef, access platform.Access, pages []shm.Memory) {
	for i, ref := range refs {
		pages[i] = shm.Memory{}
		if e := c.table.find(ref, access); e != none {
			c.stats.Hits++
			pages[i] = c.use(e)
		}
	}
}

// mapOne maps one page that wasn't mapped when the call began. It may be by now, if
// the reference occurs twice.
func (c *Cache) mapOne(ref []platform.GrantRef, access platform.Access, page []shm.Memory) error {
	if e := c.table.find(ref[0], access); e != none {
		c.stats.Hits++
		page[0] = c.use(e)
		return nil
	}
	c.shrink(max(c.max-1, 0))
	err := c.domain.MapEach(c.peer, ref, access, page)
	if errors.Is(err, platform.ErrNoSpace) && c.shrink(0) > 0 {
		err = c.domain.MapEach(c.peer, ref, access, page)
	}
	if err != nil {
		page[0] = shm.Memory{}
		return err
	}
	c.stats.Misses++
	c.stats.InUse++
	c.table.add(ref[0], access, page[0])
	return nil
}

// use counts one more user of e.
func (c *Cache) use(e int32) shm.Memory {
	if c.table.use(e) == 1 {
		c.stats.InUse++
	}
	return c.table.entries[e].page
}

// undo releases the pages of a failed call that were mapped before it failed.
func (c *Cache) undo(refs []platform.GrantRef, access platform.Access, pages []shm.Memory) {
	c.stats.Failures++
	for i, ref := range refs {
		if pages[i].Len() != 0 {
			c.release(ref, access)
			pages[i] = shm.Memory{}
		}
	}
	c.shrink(c.max)
}

// UnmapEach ends one MapEach of the same references and access. The pages are
// cleared, so that nobody touches them by mistake though most stay mapped. It
// panics if a page isn't in use. It may be called after Close, and then unmaps.
func (c *Cache) UnmapEach(refs []platform.GrantRef, access platform.Access, pages []shm.Memory) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ref := range refs {
		c.release(ref, access)
	}
	clear(pages[:len(refs)])
	c.shrink(c.max)
}

func (c *Cache) release(ref platform.GrantRef, access platform.Access) {
	e := c.table.find(ref, access)
	if e == none || c.table.entries[e].uses == 0 {
		panic(fmt.Sprintf("grant: unmapping reference %d, which isn't in use", ref))
	}
	if c.table.release(e) == 0 {
		c.stats.InUse--
	}
}

// shrink unmaps idle pages, those idle the longest first, while more than keep are
// mapped. It returns how many it unmapped.
func (c *Cache) shrink(keep int) (n int) {
	for c.table.len > keep && c.table.oldest() != none {
		c.unmap(c.table.oldest())
		n++
	}
	return n
}

// unmap unmaps e, which is idle. Pages are mapped and unmapped one by one, because
// the platform's calls come in pairs with the same arguments.
func (c *Cache) unmap(e int32) {
	ent := &c.table.entries[e]
	c.ref[0], c.page[0] = ent.ref, ent.page
	c.domain.UnmapEach(c.peer, c.ref[:], ent.access, c.page[:])
	c.page[0] = shm.Memory{}
	c.stats.Unmapped++
	c.table.remove(e)
}

// Sweep unmaps what has been idle since before the previous Sweep, and returns how
// many pages that were. Called once a minute, it gives back what wasn't used for
// one to two minutes (blkback gives back after one).
func (c *Cache) Sweep() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.table.oldest(); e != none && c.table.entries[e].age != c.table.age; e = c.table.oldest() {
		c.unmap(e)
		n++
	}
	c.table.age++
	return n
}

// Stats returns the account.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Mapped = c.table.len
	return s
}

// Close unmaps what is idle, and the rest as soon as it is. MapEach fails from now
// on. A second Close does nothing.
func (c *Cache) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.max = 0
	c.shrink(0)
}
