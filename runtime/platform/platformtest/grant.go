package platformtest

import (
	"slices"
	"testing"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

const (
	rw = platform.ReadWrite
	ro = platform.ReadOnly
)

var domainTests = []test{
	{"Number", func(t *testing.T, w *world) {
		ids := []platform.DomID{w.a.ID(), w.b.ID(), w.c.ID()}
		for i, d := range []platform.Domain{w.a, w.b, w.c} {
			if d.ID() != ids[i] {
				t.Errorf("the number changed from %d to %d", ids[i], d.ID())
			}
			if d.ID() >= platform.FirstReserved {
				t.Errorf("number %d is reserved", d.ID())
			}
		}
		want := 3
		if w.Can.SameID {
			want = 1
		}
		slices.Sort(ids)
		if len(slices.Compact(slices.Clone(ids))) != want {
			t.Errorf("%d different numbers among %v, want %d", len(slices.Compact(ids)), ids, want)
		}
	}},
}

var grantTests = []test{
	{"Shape", func(t *testing.T, w *world) {
		var all []platform.GrantRef
		for _, pages := range []int{1, 2, 17} {
			g := grant(t, w.a, w.b, pages, rw)
			if g.Memory().Len() != pages*shm.PageSize || len(g.Refs()) != pages {
				t.Errorf("%d pages: %d bytes, %d references", pages, g.Memory().Len(), len(g.Refs()))
			}
			wantZero(t, "a new grant", g.Memory())
			all = append(all, g.Refs()...)
		}
		slices.Sort(all)
		if len(slices.Compact(slices.Clone(all))) != len(all) || all[0] == 0 {
			t.Errorf("references aren't distinct and above 0: %v", all)
		}
	}},
	{"PeerNotThereYet", func(t *testing.T, w *world) {
		g, err := w.a.Grant(platform.FirstReserved-1, 1, rw)
		if err != nil {
			t.Fatal(err)
		}
		g.Free()
	}},
	{"PeerGone", func(t *testing.T, w *world) {
		w.Kill(t, w.b)
		g, err := w.a.Grant(w.b.ID(), 1, rw)
		if wantErr(t, "Grant", err, w.gone(nil)); err == nil {
			g.Free()
		}
	}},
	{"FreedPagesComeBackZeroed", func(t *testing.T, w *world) {
		for round := range byte(4) {
			g, err := w.a.Grant(w.b.ID(), 8, rw)
			if err != nil {
				t.Fatal(err)
			}
			wantZero(t, "the grant", g.Memory())
			m, err := w.b.Map(w.a.ID(), g.Refs(), rw)
			if err != nil {
				t.Fatal(err)
			}
			wantZero(t, "the mapping", m.Memory())
			pattern(g.Memory(), round)
			pattern(m.Memory(), round+100)
			m.Unmap()
			g.Free()
		}
	}},
}

var mapTests = []test{
	{"BothWays", func(t *testing.T, w *world) {
		g := grant(t, w.a, w.b, 5, rw)
		pattern(g.Memory(), 1)
		m := mapAll(t, w.b, w.a, g.Refs(), rw)
		if m.Memory().Len() != 5*shm.PageSize {
			t.Fatalf("the mapping has %d bytes", m.Memory().Len())
		}
		wantPattern(t, "the peer's view", m.Memory(), 0, 1)
		pattern(m.Memory(), 2)
		wantPattern(t, "the owner's view", g.Memory(), 0, 2)
	}},
	{"WordsAreAtomic", func(t *testing.T, w *world) {
		g := grant(t, w.a, w.b, 1, rw)
		ours, theirs := g.Memory(), mapAll(t, w.b, w.a, g.Refs(), rw).Memory()
		const rounds = 10000
		within(t, "counting", func() {
			done := make(chan struct{})
			go func() {
				defer close(done)
				count(theirs, rounds)
			}()
			count(ours, rounds)
			<-done
		})
		if got := ours.Load32(64); got != 2*rounds {
			t.Errorf("two sides counted to %d, want %d", got, 2*rounds)
		}
	}},
	{"SomePagesOfAGrant", func(t *testing.T, w *world) {
		g := grant(t, w.a, w.b, 6, rw)
		pattern(g.Memory(), 3)
		m := mapAll(t, w.b, w.a, g.Refs()[2:5], rw)
		wantPattern(t, "pages 2 to 4", m.Memory(), 2*shm.PageSize, 3)
	}},
	{"Scattered", func(t *testing.T, w *world) {
		g, h := grant(t, w.a, w.b, 3, rw), grant(t, w.a, w.b, 2, rw)
		pattern(g.Memory(), 4)
		pattern(h.Memory(), 5)
		refs := []platform.GrantRef{g.Refs()[2], h.Refs()[1], g.Refs()[0]}
		m, err := w.b.Map(w.a.ID(), refs, rw)
		if !w.Can.Scatter {
			if err == nil {
				t.Error("Map did what the platform says it can't")
				m.Unmap()
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		defer m.Unmap()
		wantPattern(t, "the first page", m.Memory().Page(0), 2*shm.PageSize, 4)
		wantPattern(t, "the second page", m.Memory().Page(1), shm.PageSize, 5)
		wantPattern(t, "the third page", m.Memory().Page(2), 0, 4)
		pattern(m.Memory(), 6)
		wantPattern(t, "the owner's view", h.Memory().Page(1), shm.PageSize, 6)
	}},
	{"ReadOnly", func(t *testing.T, w *world) {
		for _, granted := range []platform.Access{rw, ro} {
			g := grant(t, w.a, w.b, 2, granted)
			pattern(g.Memory(), 7)
			m := mapAll(t, w.b, w.a, g.Refs(), ro)
			wantPattern(t, "the peer's view", m.Memory(), 0, 7)
			if w.Can.Protect {
				wantFault(t, m.Memory())
			}
			wantPattern(t, "the owner's view", g.Memory(), 0, 7)
		}
	}},
	{"Refusals", func(t *testing.T, w *world) {
		eachRefusal(t, w, func(d platform.Domain, owner platform.DomID, refs []platform.GrantRef, access platform.Access) error {
			m, err := d.Map(owner, refs, access)
			if err == nil {
				m.Unmap()
			}
			return err
		})
	}},
	{"Twice", func(t *testing.T, w *world) {
		g := grant(t, w.a, w.b, 2, rw)
		m, err := w.b.Map(w.a.ID(), g.Refs(), rw)
		if err != nil {
			t.Fatal(err)
		}
		n := mapAll(t, w.b, w.a, g.Refs(), rw)
		pattern(m.Memory(), 8)
		wantPattern(t, "the second mapping", n.Memory(), 0, 8)
		m.Unmap()
		wantPattern(t, "the second mapping after the first ended", n.Memory(), 0, 8)
	}},
	{"AllOrNone", func(t *testing.T, w *world) {
		g := grant(t, w.a, w.b, 2, rw)
		for range 100 {
			_, err := w.b.Map(w.a.ID(), append(slices.Clone(g.Refs()), 1<<30), rw)
			wantErr(t, "Map", err, platform.ErrBadRef)
		}
		// Nothing was kept: even a platform that waits for the peer gets its pages.
		if !g.Revoke() {
			t.Error("a failed Map held on to pages")
		}
	}},
}

var mapEachTests = []test{
	{"AnyOrder", func(t *testing.T, w *world) {
		g, h := grant(t, w.a, w.b, 4, rw), grant(t, w.a, w.b, 1, rw)
		pattern(g.Memory(), 1)
		pattern(h.Memory(), 2)
		refs := []platform.GrantRef{g.Refs()[3], h.Refs()[0], g.Refs()[1], g.Refs()[1]}
		pages := mapEach(t, w.b, w.a, refs, rw)
		wantPattern(t, "page 3", pages[0], 3*shm.PageSize, 1)
		wantPattern(t, "the other grant", pages[1], 0, 2)
		wantPattern(t, "page 1", pages[2], shm.PageSize, 1)
		wantPattern(t, "page 1 again", pages[3], shm.PageSize, 1)
		for i, page := range pages {
			if page.Len() != shm.PageSize {
				t.Errorf("page %d has %d bytes", i, page.Len())
			}
		}
		pattern(pages[0], 9)
		wantPattern(t, "the owner's view", g.Memory().Page(3), 0, 9)
	}},
	{"ReadOnly", func(t *testing.T, w *world) {
		g := grant(t, w.a, w.b, 2, ro)
		pattern(g.Memory(), 3)
		pages := mapEach(t, w.b, w.a, g.Refs(), ro)
		wantPattern(t, "page 1", pages[1], shm.PageSize, 3)
		if w.Can.Protect {
			wantFault(t, pages[0])
		}
	}},
	{"Refusals", func(t *testing.T, w *world) {
		eachRefusal(t, w, func(d platform.Domain, owner platform.DomID, refs []platform.GrantRef, access platform.Access) error {
			pages := make([]shm.Memory, len(refs))
			err := d.MapEach(owner, refs, access, pages)
			if err == nil {
				d.UnmapEach(owner, refs, access, pages)
			}
			return err
		})
	}},
	{"AllOrNone", func(t *testing.T, w *world) {
		g := grant(t, w.a, w.b, 2, rw)
		pages := make([]shm.Memory, 3)
		for range 100 {
			err := w.b.MapEach(w.a.ID(), append(slices.Clone(g.Refs()), 1<<30), rw, pages)
			wantErr(t, "MapEach", err, platform.ErrBadRef)
		}
		if !g.Revoke() {
			t.Error("a failed MapEach held on to pages")
		}
	}},
	{"AllocatesNothing", func(t *testing.T, w *world) {
		g := grant(t, w.a, w.b, 11, rw)
		refs, pages := g.Refs(), make([]shm.Memory, 11)
		id := w.a.ID()
		once := func() {
			if err := w.b.MapEach(id, refs, rw, pages); err != nil {
				t.Fatal(err)
			}
			w.b.UnmapEach(id, refs, rw, pages)
		}
		once() // The peer's memory may be introduced now.
		if n := testing.AllocsPerRun(100, once); n != 0 {
			t.Errorf("MapEach and UnmapEach allocate %v times", n)
		}
	}},
	{"AtOnce", func(t *testing.T, w *world) {
		g := grant(t, w.a, w.b, 16, rw)
		pattern(g.Memory(), 5)
		together(t, 4, func(int) error {
			pages := make([]shm.Memory, 16)
			for range 100 {
				if err := w.b.MapEach(w.a.ID(), g.Refs(), rw, pages); err != nil {
					return err
				}
				wantPattern(t, "page 7", pages[7], 7*shm.PageSize, 5)
				w.b.UnmapEach(w.a.ID(), g.Refs(), rw, pages)
			}
			return nil
		})
	}},
}

// count raises a word that two sides share.
func count(m shm.Memory, rounds int) {
	for range rounds {
		for {
			old := m.Load32(64)
			if m.CompareAndSwap32(64, old, old+1) {
				break
			}
		}
	}
}

// eachRefusal tries what must not be mapped, both ways of mapping alike.
func eachRefusal(t *testing.T, w *world, try func(d platform.Domain, owner platform.DomID, refs []platform.GrantRef, access platform.Access) error) {
	t.Helper()
	good, weak := grant(t, w.a, w.b, 2, rw), grant(t, w.a, w.b, 1, ro)
	freed, err := w.a.Grant(w.b.ID(), 1, rw)
	if err != nil {
		t.Fatal(err)
	}
	stale := slices.Clone(freed.Refs())
	freed.Free()
	revoked := grant(t, w.a, w.b, 1, rw)
	revoked.Revoke()
	last := good.Refs()[1]
	foreign := error(platform.ErrBadRef) // what is for another domain is for us, if that is us
	if w.Can.SameID {
		foreign = nil
	}
	wantErr(t, "a reference for another domain", try(w.c, w.a.ID(), good.Refs(), rw), foreign)
	wantErr(t, "the same, only to read", try(w.c, w.a.ID(), good.Refs()[:1], ro), foreign)
	wantErr(t, "an owner that granted nothing", try(w.b, w.c.ID(), good.Refs(), rw), foreign)
	for _, c := range []struct {
		what   string
		d      platform.Domain
		refs   []platform.GrantRef
		access platform.Access
	}{
		{"reference 0", w.b, []platform.GrantRef{0}, rw},
		{"an unknown reference", w.b, []platform.GrantRef{last + 100000}, rw},
		{"the largest reference", w.b, []platform.GrantRef{1<<32 - 1}, ro},
		{"a good one, then a bad one", w.b, []platform.GrantRef{good.Refs()[0], 1 << 31}, rw},
		{"read-only, mapped to write", w.b, weak.Refs(), rw},
		{"a freed reference", w.b, stale, rw},
		{"a revoked reference", w.b, revoked.Refs(), rw},
	} {
		wantErr(t, c.what, try(c.d, w.a.ID(), c.refs, c.access), platform.ErrBadRef)
	}
	if err := try(w.b, platform.FirstReserved-1, good.Refs(), rw); err == nil {
		t.Error("mapped pages of a domain that never was")
	}
	w.Kill(t, w.a)
	wantErr(t, "a dead owner", try(w.b, w.a.ID(), good.Refs(), rw), w.gone(platform.ErrBadRef))
}
