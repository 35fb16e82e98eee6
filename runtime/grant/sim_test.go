package grant_test

import (
	"testing"

	"github.com/xenidc/idc/runtime/grant"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/sim"
	"github.com/xenidc/idc/runtime/shm"
)

// world is two domains of a world in which a page that the peer has mapped can't be
// taken back, as on Xen.
func world(t *testing.T) (w *sim.World, front, back *sim.Domain) {
	t.Helper()
	w = sim.New(sim.Options{HoldGrants: true})
	t.Cleanup(w.Close)
	t.Cleanup(func() {
		if l := w.Leaks(); len(l) != 0 {
			t.Errorf("left over: %q", l)
		}
	})
	for _, d := range []**sim.Domain{&front, &back} {
		var err error
		if *d, err = w.NewDomain(); err != nil {
			t.Fatal(err)
		}
	}
	return w, front, back
}

// TestPersistentGrants moves data through pages that are granted once and mapped
// once, and then takes them back: what the cache keeps is abandoned until it lets go.
func TestPersistentGrants(t *testing.T) {
	w, front, back := world(t)
	pool, err := grant.NewPool(front, back.ID(), 8, platform.ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	cache := grant.NewCache(back, front.ID(), grant.DefaultMax)
	for round := range uint32(20) {
		exchange(t, pool, cache, round)
	}
	if s := cache.Stats(); s.Misses != 3 || s.InUse != 0 {
		t.Errorf("%+v, want the three pages taken last to be taken again", s)
	}
	pool.Close()
	if n := w.Abandoned(front.ID()); n != 3 {
		t.Errorf("%d pages abandoned, want the 3 that the cache keeps", n)
	}
	cache.Close()
	if n := w.Abandoned(front.ID()); n != 0 {
		t.Errorf("%d pages abandoned after the cache let go", n)
	}
}

// exchange lends three pages to one transaction, which adds 1 to a word in each.
func exchange(t *testing.T, pool *grant.Pool, cache *grant.Cache, round uint32) {
	t.Helper()
	var lent [3]uint32
	if !pool.Take(len(lent), lent[:]) {
		t.Fatal("no pages")
	}
	var refs [3]platform.GrantRef
	for k, i := range lent {
		refs[k] = pool.Ref(i)
		pool.Page(i).Store32(8, round)
	}
	var pages [3]shm.Memory
	if err := cache.MapEach(refs[:], platform.ReadWrite, pages[:]); err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		p.Store32(8, p.Load32(8)+1)
	}
	cache.UnmapEach(refs[:], platform.ReadWrite, pages[:])
	for _, i := range lent {
		if v := pool.Page(i).Load32(8); v != round+1 {
			t.Errorf("page %d holds %d, want %d", i, v, round+1)
		}
	}
	pool.Give(lent[:])
}

// TestBufferIsReached lets the peer map what Find named.
func TestBufferIsReached(t *testing.T) {
	_, front, back := world(t)
	b, err := grant.NewBuffer(front, back.ID(), 3*shm.PageSize)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var s grant.Set
	s.Add(b)
	data := b.Bytes()[5000:9000]
	copy(data, "granted as it stands")
	refs, off, ok := s.Find(data)
	if !ok || len(refs) != 2 {
		t.Fatal(refs, off, ok)
	}
	pages := make([]shm.Memory, len(refs))
	if err := back.MapEach(front.ID(), refs, platform.ReadOnly, pages); err != nil {
		t.Fatal(err)
	}
	defer back.UnmapEach(front.ID(), refs, platform.ReadOnly, pages)
	got := make([]byte, 20)
	if pages[0].CopyOut(got, off); string(got) != "granted as it stands" {
		t.Errorf("the peer reads %q", got)
	}
}

// TestPeerDies kills the front while the back end has its pages mapped, in use and
// idle: everything unmaps and nothing faults.
func TestPeerDies(t *testing.T) {
	w, front, back := world(t)
	pool, err := grant.NewPool(front, back.ID(), 2, platform.ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	cache := grant.NewCache(back, front.ID(), 4)
	exchangeOne := func(i uint32) ([]platform.GrantRef, []shm.Memory) {
		refs, pages := []platform.GrantRef{pool.Ref(i)}, make([]shm.Memory, 1)
		if err := cache.MapEach(refs, platform.ReadWrite, pages); err != nil {
			t.Fatal(err)
		}
		return refs, pages
	}
	idle, pages := exchangeOne(0)
	cache.UnmapEach(idle, platform.ReadWrite, pages)
	busy, pages := exchangeOne(1)
	w.Kill(front.ID())
	pages[0].Store32(0, 1)
	cache.Close()
	cache.UnmapEach(busy, platform.ReadWrite, pages)
	if s := cache.Stats(); s.Mapped != 0 || s.Unmapped != 2 {
		t.Errorf("%+v", s)
	}
	pool.Close()
}
