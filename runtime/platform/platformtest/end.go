package platformtest

import (
	"context"
	"errors"
	"testing"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// finish ends a domain in one of the two ways.
type finish struct {
	name string
	how  func(t *testing.T, w *world, d platform.Domain)
}

// finishes are death and the orderly end, which peers can't tell apart.
var finishes = []finish{
	{"Kill", func(t *testing.T, w *world, d platform.Domain) { w.Kill(t, d) }},
	{"Close", func(t *testing.T, _ *world, d platform.Domain) {
		if err := d.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}},
}

var endTests = func() (all []test) {
	for _, f := range finishes {
		all = append(all,
			test{"PeerSees" + f.name, func(t *testing.T, w *world) { peerSees(t, w, f) }},
			test{"MappingsOutlive" + f.name, func(t *testing.T, w *world) { mappingsOutlive(t, w, f) }},
			test{"OthersDontCareOf" + f.name, func(t *testing.T, w *world) { othersDontCare(t, w, f) }},
			test{"EverythingEndsWith" + f.name, func(t *testing.T, w *world) { everythingEnds(t, w, f) }},
		)
	}
	return append(all, test{"CloseUnderUse", closeUnderUse})
}()

// closeUnderUse: a domain that is closed leaves the memory that it holds to those who
// may be touching it, and everything is released once they have let go of that: the leak
// checks say so.
func closeUnderUse(t *testing.T, w *world) {
	d := w.start(t)
	var owed []func()
	owe := func(f func()) { owed = append(owed, f) }
	var mem []shm.Memory
	for _, pages := range []int{1, 4, 40} {
		g, err := d.Grant(w.a.ID(), pages, rw)
		if err != nil {
			t.Fatal(err)
		}
		pattern(g.Memory(), 1)
		owe(g.Free)
		mem = append(mem, g.Memory())
		mapAll(t, w.a, d, g.Refs(), rw)
	}
	g, h := grant(t, w.a, d, 4, rw), grant(t, w.a, d, 4, rw)
	pattern(h.Memory(), 2)
	maps := [][]platform.GrantRef{h.Refs()}
	if w.Can.Scatter {
		maps = append(maps, []platform.GrantRef{h.Refs()[0], g.Refs()[0], h.Refs()[3]})
	}
	for _, refs := range maps {
		m, err := d.Map(w.a.ID(), refs, rw)
		if err != nil {
			t.Fatal(err)
		}
		owe(m.Unmap)
		mem = append(mem, m.Memory())
	}
	pages := make([]shm.Memory, 4)
	if err := d.MapEach(w.a.ID(), h.Refs(), rw, pages); err != nil {
		t.Fatal(err)
	}
	owe(func() { d.UnmapEach(w.a.ID(), h.Refs(), rw, pages) })
	x := listen(t, w.a, d)
	if _, err := d.Bind(w.a.ID(), x.Port()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Listen(w.b.ID()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.DialStore(context.Background()); err != nil {
		t.Fatal(err)
	}
	stop := touch(append(mem, pages...))
	within(t, "Close", func() {
		if err := d.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	stop()
	wantPattern(t, "what is still mapped", pages[3], 3*shm.PageSize, 2)
	for _, f := range owed {
		f()
	}
}

// touch reads and writes memory until stop is called, as handlers do.
func touch(mem []shm.Memory) (stop func()) {
	end, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		for {
			for _, m := range mem {
				m.Store32(m.Len()-4, m.Load32(m.Len()-4))
			}
			select {
			case <-end:
				return
			default:
			}
		}
	}()
	return func() { close(end); <-over }
}

// peerSees: Wait tells of the peer's end, after the events it had sent.
func peerSees(t *testing.T, w *world, f finish) {
	asleep, _ := bound(t, w.a, w.b)
	_, listener := bound(t, w.b, w.a)
	unbound := listen(t, w.a, w.b)
	last, sender := bound(t, w.a, w.b)
	quiet(t, "before the last event", last)
	result := blocked(t, asleep)
	sender.Notify()
	f.how(t, w, w.b)
	if w.Can.SameID {
		asleep.Wake()
		wantResult(t, "the sleeper, of whom the number lives on", result, nil)
		wantEvent(t, "the last event", last)
		for _, c := range []platform.Channel{asleep, listener, unbound, last} {
			c.Notify()
			quiet(t, "a channel to nobody", c)
		}
		return
	}
	wantResult(t, "the sleeper", result, platform.ErrPeerGone)
	wantEvent(t, "the last event", last)
	wantWait(t, "after the last event", last, platform.ErrPeerGone)
	wantWait(t, "the end that had bound", listener, platform.ErrPeerGone)
	wantWait(t, "the end that nobody had bound", unbound, platform.ErrPeerGone)
	last.Notify()
	if err := last.Close(); err != nil {
		t.Errorf("Close after the peer's end: %v", err)
	}
	wantErr(t, "Wait after Close", last.Wait(), platform.ErrClosed)
}

// mappingsOutlive: memory of a domain that ended can still be touched, by both.
func mappingsOutlive(t *testing.T, w *world, f finish) {
	g := grant(t, w.a, w.b, 2, rw)
	m := mapAll(t, w.b, w.a, g.Refs(), rw).Memory()
	pages := mapEach(t, w.b, w.a, g.Refs(), rw)
	pattern(g.Memory(), 1)
	f.how(t, w, w.a)
	m.CopyOut(make([]byte, m.Len()), 0)
	pattern(m, 2)
	pages[1].Store32(0, 7)
	if w.Can.SameID {
		// The grant outlives its owner as long as somebody holds its pages.
		mapAll(t, w.b, w.a, g.Refs(), rw)
		return
	}
	_, err := w.b.Map(w.a.ID(), g.Refs(), rw)
	wantErr(t, "Map", err, platform.ErrPeerGone)
	wantErr(t, "MapEach", w.b.MapEach(w.a.ID(), g.Refs(), rw, make([]shm.Memory, 2)), platform.ErrPeerGone)
}

// othersDontCare: the channel of two others works on.
func othersDontCare(t *testing.T, w *world, f finish) {
	x, y := bound(t, w.a, w.b)
	g := grant(t, w.a, w.b, 1, rw)
	m := mapAll(t, w.b, w.a, g.Refs(), rw)
	bound(t, w.a, w.c)
	f.how(t, w, w.c)
	pattern(g.Memory(), 3)
	x.Notify()
	wantEvent(t, "the binder", y)
	wantPattern(t, "the mapping", m.Memory(), 0, 3)
}

// everythingEnds: a domain that ended returns ErrClosed from everything.
func everythingEnds(t *testing.T, w *world, f finish) {
	x, _ := bound(t, w.a, w.b)
	port := listen(t, w.b, w.a).Port()
	g := grant(t, w.b, w.a, 1, rw)
	result := blocked(t, x)
	f.how(t, w, w.a)
	wantResult(t, "the blocked Wait", result, platform.ErrClosed)
	wantErr(t, "Wait", x.Wait(), platform.ErrClosed)
	x.Notify()
	_, err := w.a.Grant(w.b.ID(), 1, rw)
	wantErr(t, "Grant", err, platform.ErrClosed)
	_, err = w.a.Map(w.b.ID(), g.Refs(), rw)
	wantErr(t, "Map", err, platform.ErrClosed)
	wantErr(t, "MapEach", w.a.MapEach(w.b.ID(), g.Refs(), rw, make([]shm.Memory, 1)), platform.ErrClosed)
	_, err = w.a.Listen(w.b.ID())
	wantErr(t, "Listen", err, platform.ErrClosed)
	_, err = w.a.Bind(w.b.ID(), port)
	wantErr(t, "Bind", err, platform.ErrClosed)
	_, err = w.a.DialStore(context.Background())
	wantErr(t, "DialStore", err, platform.ErrClosed)
	if err := w.a.Close(); f.name == "Close" && !errors.Is(err, platform.ErrClosed) {
		t.Errorf("a second Close returned %v", err)
	}
}
