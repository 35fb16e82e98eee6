package grant

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// newCache makes a cache that must leave nothing mapped.
func newCache(t testing.TB, d *fakeDomain, max int) *Cache {
	t.Helper()
	c := NewCache(d, 7, max)
	t.Cleanup(func() { c.Close(); d.noLeaks(t) })
	return c
}

// mapped maps and checks that every page is the right one.
func mapped(t testing.TB, c *Cache, refs ...platform.GrantRef) []shm.Memory {
	t.Helper()
	pages := make([]shm.Memory, len(refs))
	if err := c.MapEach(refs, platform.ReadWrite, pages); err != nil {
		t.Fatal(err)
	}
	for i, p := range pages {
		if p.Load32(0) != uint32(refs[i]) {
			t.Errorf("page %d is that of %d, want %d", i, p.Load32(0), refs[i])
		}
	}
	return pages
}

func unmapped(c *Cache, pages []shm.Memory, refs ...platform.GrantRef) {
	c.UnmapEach(refs, platform.ReadWrite, pages)
}

// cycle maps and unmaps.
func cycle(t testing.TB, c *Cache, refs ...platform.GrantRef) {
	t.Helper()
	unmapped(c, mapped(t, c, refs...), refs...)
}

func wantStats(t testing.TB, c *Cache, want Stats) {
	t.Helper()
	if got := c.Stats(); got != want {
		t.Errorf("stats are\n%+v, want\n%+v", got, want)
	}
}

func TestCacheHits(t *testing.T) {
	d := newFake()
	c := newCache(t, d, 4)
	cycle(t, c, 10, 11)
	cycle(t, c, 11, 10, 12)
	wantStats(t, c, Stats{Hits: 2, Misses: 3, Mapped: 3})
	if d.calls != 3 {
		t.Errorf("%d calls of the platform, want one a page that missed", d.calls)
	}
	c.Close()
	wantStats(t, c, Stats{Hits: 2, Misses: 3, Unmapped: 3})
}

func TestCacheSameReferenceTwice(t *testing.T) {
	d := newFake()
	c := newCache(t, d, 4)
	pages := mapped(t, c, 10, 10, 11, 10)
	wantStats(t, c, Stats{Hits: 2, Misses: 2, Mapped: 2, InUse: 2})
	unmapped(c, pages[:1], 10)
	wantStats(t, c, Stats{Hits: 2, Misses: 2, Mapped: 2, InUse: 2})
	unmapped(c, pages[1:], 10, 11, 10)
	wantStats(t, c, Stats{Hits: 2, Misses: 2, Mapped: 2})
}

// TestCacheAccess keeps a page that was mapped for reading from serving a writer.
func TestCacheAccess(t *testing.T) {
	d := newFake()
	c := newCache(t, d, 4)
	ref, pages := []platform.GrantRef{10}, make([]shm.Memory, 1)
	for _, a := range []platform.Access{platform.ReadOnly, platform.ReadWrite} {
		if err := c.MapEach(ref, a, pages); err != nil {
			t.Fatal(err)
		}
		c.UnmapEach(ref, a, pages)
	}
	wantStats(t, c, Stats{Misses: 2, Mapped: 2})
}

func TestCacheEvictsLeastRecentlyUsed(t *testing.T) {
	d := newFake()
	c := newCache(t, d, 3)
	cycle(t, c, 10)
	cycle(t, c, 11)
	cycle(t, c, 12)
	cycle(t, c, 10) // 11 is the oldest now
	cycle(t, c, 13)
	if d.mapped[mapKey{11, platform.ReadWrite}] != 0 || d.mappedNow() != 3 {
		t.Error("11 should have made room; mapped:", d.mapped)
	}
	// A hit of the same call is never evicted for a miss before it.
	cycle(t, c, 14, 12)
	if s := c.Stats(); s.Hits != 2 {
		t.Errorf("%+v", s)
	}
}

func TestCacheBeyondItsLimit(t *testing.T) {
	for _, limit := range []int{-1, 0, 2} {
		d := newFake()
		c := newCache(t, d, limit)
		refs := []platform.GrantRef{10, 11, 12, 13, 14}
		pages := mapped(t, c, refs...)
		if d.mappedNow() != 5 {
			t.Errorf("%d mapped", d.mappedNow())
		}
		unmapped(c, pages[:1], 10) // the limit is exceeded: it goes at once
		if d.mapped[mapKey{10, platform.ReadWrite}] != 0 {
			t.Error("a mapping beyond the limit was kept")
		}
		unmapped(c, pages[1:], refs[1:]...)
		if d.mappedNow() != max(limit, 0) {
			t.Errorf("%d kept, want %d", d.mappedNow(), limit)
		}
	}
}

func TestCacheUndo(t *testing.T) {
	d := newFake()
	d.badRefs[13] = true
	c := newCache(t, d, 2)
	cycle(t, c, 10)
	pages := make([]shm.Memory, 5)
	err := c.MapEach([]platform.GrantRef{10, 11, 11, 12, 13}, platform.ReadWrite, pages)
	if !errors.Is(err, platform.ErrBadRef) {
		t.Fatal(err)
	}
	for i, p := range pages {
		if p.Len() != 0 {
			t.Errorf("page %d is still there after a failure", i)
		}
	}
	if s := c.Stats(); s.InUse != 0 || s.Mapped != 2 || s.Failures != 1 {
		t.Errorf("%+v", s)
	}
	cycle(t, c, 10, 11, 12)
}

// TestCacheGivesRoomBack has the platform run out while pages are only kept.
func TestCacheGivesRoomBack(t *testing.T) {
	d := newFake()
	d.limited, d.room = true, 3
	c := newCache(t, d, 100)
	cycle(t, c, 10, 11, 12)
	pages := mapped(t, c, 13, 14, 15)
	if err := c.MapEach([]platform.GrantRef{16}, platform.ReadWrite, make([]shm.Memory, 1)); !errors.Is(err, platform.ErrNoSpace) {
		t.Error(err)
	}
	unmapped(c, pages, 13, 14, 15)
}

func TestCacheSweep(t *testing.T) {
	d := newFake()
	c := newCache(t, d, 10)
	cycle(t, c, 10, 11, 12)
	if n := c.Sweep(); n != 0 {
		t.Errorf("the first sweep took %d pages, used just now", n)
	}
	cycle(t, c, 11)
	pages := mapped(t, c, 12)
	if n := c.Sweep(); n != 1 || d.mapped[mapKey{10, platform.ReadWrite}] != 0 {
		t.Errorf("swept %d, want only 10; mapped: %v", n, d.mapped)
	}
	if n := c.Sweep(); n != 1 { // 11; 12 is in use
		t.Errorf("swept %d, want only 11", n)
	}
	unmapped(c, pages, 12)
}

func TestCacheCloseWhileInUse(t *testing.T) {
	d := newFake()
	c := newCache(t, d, 10)
	pages := mapped(t, c, 10, 11)
	cycle(t, c, 12)
	c.Close()
	c.Close()
	if d.mappedNow() != 2 {
		t.Errorf("%d mapped, want the two in use", d.mappedNow())
	}
	if err := c.MapEach([]platform.GrantRef{10}, platform.ReadWrite, make([]shm.Memory, 1)); !errors.Is(err, platform.ErrClosed) {
		t.Error("mapped through a closed cache:", err)
	}
	unmapped(c, pages, 10, 11)
	d.noLeaks(t)
}

func TestCacheMisuse(t *testing.T) {
	d := newFake()
	c := newCache(t, d, 10)
	pages := mapped(t, c, 10)
	unmapped(c, pages, 10)
	mustPanic(t, "twice", func() { unmapped(c, pages, 10) })
	mustPanic(t, "never mapped", func() { unmapped(c, pages, 11) })
	mustPanic(t, "too few pages", func() {
		_ = c.MapEach([]platform.GrantRef{1, 2}, platform.ReadWrite, make([]shm.Memory, 1))
	})
}

// TestCacheAllocatesNothing covers hits, evictions, and mappings beyond the limit,
// as long as the platform allocates nothing.
func TestCacheAllocatesNothing(t *testing.T) {
	refs := make([]platform.GrantRef, 64)
	for i := range refs {
		refs[i] = platform.GrantRef(1000 + i*i)
	}
	for _, limit := range []int{64, 16, 0} {
		d := newFake()
		c := newCache(t, d, limit)
		pages := make([]shm.Memory, 11)
		i := 0
		step := func() {
			r := refs[i%50 : i%50+11]
			i += 3
			if err := c.MapEach(r, platform.ReadWrite, pages); err != nil {
				t.Fatal(err)
			}
			c.UnmapEach(r, platform.ReadWrite, pages)
		}
		for range 200 {
			step()
		}
		if n := testing.AllocsPerRun(200, step); n != 0 {
			t.Errorf("%v allocations with a limit of %d", n, limit)
		}
	}
}

func TestCacheConcurrent(t *testing.T) {
	d := newFake()
	c := newCache(t, d, 20)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(2, uint64(g)))
			for range 500 {
				refs := make([]platform.GrantRef, rnd.IntN(12))
				for i := range refs {
					refs[i] = platform.GrantRef(rnd.IntN(40) + 1)
				}
				pages := mapped(t, c, refs...)
				for i, p := range pages {
					if p.Load32(0) != uint32(refs[i]) {
						t.Error("the page changed in use")
					}
				}
				if rnd.IntN(50) == 0 {
					c.Sweep()
				}
				unmapped(c, pages, refs...)
			}
		})
	}
	wg.Wait()
	if s := c.Stats(); s.InUse != 0 || s.Mapped > 20 || s.Mapped != d.mappedNow() {
		t.Errorf("%+v", s)
	}
}

func BenchmarkCacheHit11(b *testing.B) {
	c := newCache(b, newFake(), DefaultMax)
	refs := make([]platform.GrantRef, 11)
	for i := range refs {
		refs[i] = platform.GrantRef(i + 8)
	}
	pages := make([]shm.Memory, 11)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.MapEach(refs, platform.ReadWrite, pages); err != nil {
			b.Fatal(err)
		}
		c.UnmapEach(refs, platform.ReadWrite, pages)
	}
}
