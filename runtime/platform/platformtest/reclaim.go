package platformtest

import (
	"sync/atomic"
	"testing"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

var reclaimTests = []test{
	{"Unmapped", func(t *testing.T, w *world) {
		g := grant(t, w.a, w.b, 3, rw)
		mem := g.Memory()
		pattern(mem, 1)
		wantReclaimed(t, w, g)
		wantPattern(t, "the owner's view", mem, 0, 1)
		if !g.Reclaim() || !g.Revoke() {
			t.Error("what was reclaimed can't be taken back once more")
		}
	}},
	{"Mapped", reclaimMapped},
	{"OnceUnmapped", func(t *testing.T, w *world) {
		g := grant(t, w.a, w.b, 3, rw)
		pages := make([]shm.Memory, 3)
		if err := w.b.MapEach(w.a.ID(), g.Refs(), rw, pages); err != nil {
			t.Fatal(err)
		}
		pattern(pages[1], 3)
		w.b.UnmapEach(w.a.ID(), g.Refs(), rw, pages)
		wantReclaimed(t, w, g)
		wantPattern(t, "what the peer wrote", g.Memory().Page(1), 0, 3)
	}},
	{"LosesNothing", reclaimUnderUse},
	{"FreedPagesComeBackZeroed", func(t *testing.T, w *world) {
		for range 4 {
			g, err := w.a.Grant(w.b.ID(), 20, rw)
			if err != nil {
				t.Fatal(err)
			}
			wantZero(t, "the grant", g.Memory())
			pattern(g.Memory(), 1)
			if !g.Reclaim() {
				t.Error("pages that nobody has mapped weren't given back")
			}
			pattern(g.Memory(), 2)
			g.Free()
			next := grant(t, w.a, w.b, 20, rw)
			wantZero(t, "the next grant", next.Memory())
			wantZero(t, "the peer's view of it", mapAll(t, w.b, w.a, next.Refs(), rw).Memory())
		}
	}},
	{"AfterClose", func(t *testing.T, w *world) {
		d := w.start(t)
		g, err := d.Grant(w.b.ID(), 2, rw)
		if err != nil {
			t.Fatal(err)
		}
		pattern(g.Memory(), 1)
		if !g.Reclaim() {
			t.Error("pages that nobody has mapped weren't given back")
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if !g.Reclaim() {
			t.Error("the domain is closed, and its peer holds its memory")
		}
		g.Free()
	}},
}

// wantReclaimed reclaims a grant of w.a's to w.b, and fails unless its references are
// good for nothing then.
func wantReclaimed(t *testing.T, w *world, g platform.Grant) {
	t.Helper()
	if !g.Reclaim() {
		t.Fatal("pages weren't given back")
	}
	m, err := w.b.Map(w.a.ID(), g.Refs(), rw)
	if wantErr(t, "Map of what was reclaimed", err, platform.ErrBadRef); err == nil {
		m.Unmap()
	}
}

// reclaimMapped: what the peer has mapped isn't ours any more, or isn't given back.
func reclaimMapped(t *testing.T, w *world) {
	g := grant(t, w.a, w.b, 4, rw)
	mem := g.Memory()
	theirs := mapAll(t, w.b, w.a, g.Refs(), rw).Memory()
	pattern(theirs, 1)
	if !w.Can.Reclaim {
		if g.Reclaim() {
			t.Error("Reclaim did what the platform says it can't")
		}
		pattern(theirs, 2)
		wantPattern(t, "the owner's view", mem, 0, 2)
		return
	}
	if !g.Reclaim() {
		t.Fatal("pages weren't given back")
	}
	wantPattern(t, "the owner's view", mem, 0, 1)
	pattern(theirs, 2)
	wantPattern(t, "the owner's view after the peer wrote", mem, 0, 1)
	pattern(mem, 3)
	wantPattern(t, "the owner's view after the owner wrote", mem, 0, 3)
	if theirs.Load32(0) == mem.Load32(0) && theirs.Load32(4) == mem.Load32(4) {
		t.Error("the peer sees what the owner wrote")
	}
}

// reclaimUnderUse: what the owner's own goroutines write meanwhile is there afterwards.
// Where Reclaim moves the contents, they may be read a moment late while it is under way.
func reclaimUnderUse(t *testing.T, w *world) {
	const pages = 64
	g := grant(t, w.a, w.b, pages, rw)
	if w.Can.Reclaim {
		mapAll(t, w.b, w.a, g.Refs(), rw)
	}
	mem := g.Memory()
	var stop atomic.Bool
	last := make([]uint32, pages)
	busy, began := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(busy)
		for i := uint32(1); !stop.Load(); i++ {
			for p := range last {
				mem.Store32(p*shm.PageSize+8, i)
				if !w.Can.ReclaimLate && mem.Load32(p*shm.PageSize+8) != i {
					t.Errorf("page %d lost %d, which was written to it", p, i)
					return
				}
				last[p] = i
			}
			if i == 2 {
				close(began)
			}
		}
	}()
	<-began
	if !g.Reclaim() {
		t.Error("pages weren't given back")
	}
	stop.Store(true)
	<-busy
	for p, v := range last {
		if got := mem.Load32(p*shm.PageSize + 8); got != v {
			t.Errorf("page %d holds %d, and %d was written", p, got, v)
		}
	}
}
