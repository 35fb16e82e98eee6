package platformtest

import (
	"runtime/debug"
	"sync/atomic"
	"testing"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

var revokeTests = []test{
	{"Unmapped", func(t *testing.T, w *world) {
		g := grant(t, w.a, w.b, 3, rw)
		pattern(g.Memory(), 1)
		if !g.Revoke() {
			t.Fatal("pages that nobody has mapped weren't given back")
		}
		wantZero(t, "the owner's view", g.Memory())
		_, err := w.b.Map(w.a.ID(), g.Refs(), rw)
		wantErr(t, "Map of what was revoked", err, platform.ErrBadRef)
	}},
	{"OnceUnmapped", func(t *testing.T, w *world) {
		g := grant(t, w.a, w.b, 3, rw)
		m, err := w.b.Map(w.a.ID(), g.Refs(), rw)
		if err != nil {
			t.Fatal(err)
		}
		m.Unmap()
		if !g.Revoke() {
			t.Error("pages that were unmapped weren't given back")
		}
	}},
	{"WithoutThePeer", func(t *testing.T, w *world) { revokeMapped(t, w, platform.Grant.Revoke) }},
	{"FreeDoesToo", func(t *testing.T, w *world) {
		g, err := w.a.Grant(w.b.ID(), 4, rw)
		if err != nil {
			t.Fatal(err)
		}
		m := mapAll(t, w.b, w.a, g.Refs(), rw)
		pattern(m.Memory(), 1)
		g.Free()
		if w.Can.Revoke {
			wantZero(t, "the peer's view", m.Memory())
		}
		// New grants don't show what the old mapping holds, nor share with it.
		pattern(m.Memory(), 2)
		other := grant(t, w.a, w.c, 4, rw)
		wantZero(t, "a grant to a third domain", other.Memory())
	}},
	{"LeavesOtherGrantsAlone", func(t *testing.T, w *world) {
		g, h, i := grant(t, w.a, w.b, 2, rw), grant(t, w.a, w.b, 2, rw), grant(t, w.a, w.b, 2, rw)
		first, last := mapAll(t, w.b, w.a, g.Refs(), rw), mapAll(t, w.b, w.a, i.Refs(), rw)
		pattern(g.Memory(), 1)
		pattern(i.Memory(), 2)
		if !h.Revoke() {
			t.Error("the grant between wasn't mapped, and wasn't given back")
		}
		wantPattern(t, "the first grant", first.Memory(), 0, 1)
		wantPattern(t, "the last grant", last.Memory(), 0, 2)
		pattern(first.Memory(), 3)
		wantPattern(t, "the first grant's owner", g.Memory(), 0, 3)
	}},
	{"UnderThePeersHands", func(t *testing.T, w *world) {
		if !w.Can.Revoke {
			return // WithoutThePeer has seen it refuse.
		}
		g := grant(t, w.a, w.b, 2, rw)
		m := mapAll(t, w.b, w.a, g.Refs(), rw).Memory()
		var stop atomic.Bool
		busy := make(chan struct{})
		go func() {
			defer close(busy)
			for i := uint32(1); !stop.Load(); i++ {
				m.Store32(int(i%2048)*4, i)
				m.Load32(int(i*7%2048) * 4)
			}
		}()
		if !g.Revoke() {
			t.Error("Revoke failed while the peer was writing")
		}
		for range 100 {
			wantZero(t, "the owner's view", g.Memory())
		}
		stop.Store(true)
		<-busy
	}},
}

// revokeMapped revokes a grant whose pages the peer has mapped in both ways.
func revokeMapped(t *testing.T, w *world, revoke func(platform.Grant) bool) {
	g := grant(t, w.a, w.b, 4, rw)
	m := mapAll(t, w.b, w.a, g.Refs(), rw)
	pages := mapEach(t, w.b, w.a, g.Refs()[1:2], rw)
	pattern(g.Memory(), 1)
	if revoke(g) != w.Can.Revoke {
		t.Fatalf("Revoke returned %v", !w.Can.Revoke)
	}
	if !w.Can.Revoke {
		wantPattern(t, "the peer's view", m.Memory(), 0, 1)
		return
	}
	wantZero(t, "the owner's view", g.Memory())
	wantZero(t, "the peer's view", m.Memory())
	wantZero(t, "the peer's other view", pages[0])
	pattern(m.Memory(), 2)
	pattern(pages[0], 3)
	wantZero(t, "the owner's view after the peer wrote", g.Memory())
	_, err := w.b.Map(w.a.ID(), g.Refs(), rw)
	wantErr(t, "Map of what was revoked", err, platform.ErrBadRef)
	if !revoke(g) {
		t.Error("a second Revoke failed")
	}
}

// wantFault fails unless writing to the memory faults.
func wantFault(t *testing.T, m shm.Memory) {
	t.Helper()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() == nil {
			t.Error("a read-only mapping could be written")
		}
	}()
	m.Store32(0, 1)
}
