package sim_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/sim"
	"github.com/xenidc/idc/runtime/shm"
)

const rw = platform.ReadWrite

// newWorld makes a world for the test, with some domains.
func newWorld(t *testing.T, opts sim.Options, domains int) (*sim.World, []*sim.Domain) {
	t.Helper()
	testenv.Leaks(t)
	return bareWorld(t, opts, domains)
}

// bareWorld is newWorld where leaks can't be looked for.
func bareWorld(t *testing.T, opts sim.Options, domains int) (*sim.World, []*sim.Domain) {
	t.Helper()
	w := sim.New(opts)
	t.Cleanup(w.Close)
	all := make([]*sim.Domain, domains)
	for i := range all {
		var err error
		if all[i], err = w.NewDomain(); err != nil {
			t.Fatal(err)
		}
	}
	return w, all
}

// must stops the test at an error.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestNumbers(t *testing.T) {
	w, d := newWorld(t, sim.Options{}, 2)
	if d[0].ID() != 1 || d[1].ID() != 2 || w.Domain(2) != d[1] || w.Domain(9) != nil {
		t.Errorf("domains %d, %d", d[0].ID(), d[1].ID())
	}
	zero := must[*sim.Domain](t)(w.Control())
	if again := must[*sim.Domain](t)(w.Control()); zero.ID() != 0 || again != zero {
		t.Errorf("the control domain has number %d", zero.ID())
	}
}

func TestGrantQuota(t *testing.T) {
	_, d := newWorld(t, sim.Options{Grants: 8}, 2)
	_, err := d[0].Grant(2, 9, rw)
	wantErr(t, "more than the table", err, platform.ErrNoSpace)
	for range 50 {
		a := must[platform.Grant](t)(d[0].Grant(2, 5, rw))
		b := must[platform.Grant](t)(d[0].Grant(2, 3, rw))
		_, err := d[0].Grant(2, 1, rw)
		wantErr(t, "one more than the table", err, platform.ErrNoSpace)
		a.Free()
		b.Free()
	}
	_, err = d[0].Grant(2, 0, rw)
	wantErr(t, "nothing", err, platform.ErrNoSpace)
	_, err = d[0].Grant(platform.FirstReserved, 1, rw)
	wantErr(t, "a reserved number", err, platform.ErrNoDomain)
}

func TestPortQuota(t *testing.T) {
	_, d := newWorld(t, sim.Options{Ports: 4}, 2)
	var open []platform.Channel
	for range 3 {
		open = append(open, must[platform.Channel](t)(d[0].Listen(2)))
	}
	_, err := d[0].Listen(2)
	wantErr(t, "one more", err, platform.ErrNoSpace)
	for range 20 {
		if err := open[0].Close(); err != nil {
			t.Fatal(err)
		}
		open = append(open[1:], must[platform.Channel](t)(d[0].Listen(2)))
	}
	_, err = d[0].Listen(platform.FirstReserved)
	wantErr(t, "a reserved number", err, platform.ErrNoDomain)
}

func TestLeaks(t *testing.T) {
	w, d := newWorld(t, sim.Options{}, 2)
	if leaks := w.Leaks(); leaks != nil {
		t.Fatalf("a new world holds %q", leaks)
	}
	g := must[platform.Grant](t)(d[0].Grant(2, 1, rw))
	m := must[platform.Mapping](t)(d[1].Map(1, g.Refs(), rw))
	c := must[platform.Channel](t)(d[1].Listen(1))
	s := must[io.ReadWriteCloser](t)(d[0].DialStore(t.Context()))
	want := []string{
		"domain 1: grant 8 to domain 2, mapped 1 times",
		"domain 1: 1 store connections",
		"domain 2: 1 pages mapped (less than 0: unmapped more than mapped)",
		"domain 2: port 1 of a channel with domain 1",
	}
	if diff := cmp.Diff(want, w.Leaks()); diff != "" {
		t.Error(diff)
	}
	g.Free()
	if got := w.Leaks(); !slices.Contains(got, want[2]) {
		t.Errorf("a mapping of what was freed isn't counted: %q", got)
	}
	m.Unmap()
	m.Unmap()
	c.Close()
	s.Close()
	if leaks := w.Leaks(); leaks != nil {
		t.Errorf("still held: %q", leaks)
	}
	d[1].UnmapEach(1, g.Refs(), rw, make([]shm.Memory, 1))
	if leaks := strings.Join(w.Leaks(), "\n"); !strings.Contains(leaks, "-1 pages") {
		t.Errorf("unmapping what wasn't mapped isn't noticed: %q", leaks)
	}
}

func TestHoldGrants(t *testing.T) {
	w, d := newWorld(t, sim.Options{HoldGrants: true}, 2)
	g := must[platform.Grant](t)(d[0].Grant(2, 3, rw))
	m := must[platform.Mapping](t)(d[1].Map(1, g.Refs()[:2], rw))
	if g.Revoke() {
		t.Error("Revoke took pages from the peer")
	}
	g.Free()
	if n := w.Abandoned(1); n != 2 {
		t.Errorf("%d pages abandoned, want 2", n)
	}
	_, err := d[1].Map(1, g.Refs()[:1], rw)
	wantErr(t, "a freed page", err, platform.ErrBadRef)
	m.Unmap()
	if n, leaks := w.Abandoned(1), w.Leaks(); n != 0 || leaks != nil {
		t.Errorf("%d pages abandoned after Unmap, held: %q", n, leaks)
	}

	g = must[platform.Grant](t)(d[0].Grant(2, 1, rw))
	must[platform.Mapping](t)(d[1].Map(1, g.Refs(), rw))
	g.Free()
	w.Kill(2)
	if n, leaks := w.Abandoned(1), w.Leaks(); n != 0 || leaks != nil {
		t.Errorf("%d pages abandoned after the peer's death, held: %q", n, leaks)
	}
}

func TestScattered(t *testing.T) {
	_, d := newWorld(t, sim.Options{}, 2)
	g := must[platform.Grant](t)(d[0].Grant(2, 2, rw))
	refs := []platform.GrantRef{g.Refs()[1], g.Refs()[0]}
	_, err := d[1].Map(1, refs, rw)
	wantErr(t, "pages the wrong way round", err, sim.ErrScattered)
	_, err = d[1].Map(1, nil, rw)
	wantErr(t, "no pages", err, platform.ErrBadRef)
}

// TestOneself: a domain may be its own peer, as on Xen.
func TestOneself(t *testing.T) {
	w, d := newWorld(t, sim.Options{}, 1)
	x := must[platform.Channel](t)(d[0].Listen(1))
	y := must[platform.Channel](t)(d[0].Bind(1, x.Port()))
	for range 3 {
		x.Notify()
		y.Notify()
		if err := errors.Join(x.Wait(), y.Wait()); err != nil {
			t.Fatal(err)
		}
	}
	g := must[platform.Grant](t)(d[0].Grant(1, 1, rw))
	m := must[platform.Mapping](t)(d[0].Map(1, g.Refs(), rw))
	m.Memory().Store32(0, 5)
	if g.Memory().Load32(0) != 5 {
		t.Error("the mapping isn't the page")
	}
	w.Kill(1)
	wantErr(t, "Wait", x.Wait(), platform.ErrClosed)
}

func TestKillKeepsContents(t *testing.T) {
	w, d := newWorld(t, sim.Options{}, 2)
	g := must[platform.Grant](t)(d[0].Grant(2, 1, rw))
	m := must[platform.Mapping](t)(d[1].Map(1, g.Refs(), rw))
	m.Memory().Store32(8, 42)
	w.Kill(1)
	if got := m.Memory().Load32(8); got != 42 {
		t.Errorf("a dead domain's page holds %d, want 42", got)
	}
	m.Unmap()
}

func TestHooks(t *testing.T) {
	broken := errors.New("broken")
	_, d := newWorld(t, sim.Options{Hook: sim.FailNth(sim.OpMap, 2, broken)}, 2)
	g := must[platform.Grant](t)(d[0].Grant(2, 1, rw))
	for n := 1; n <= 3; n++ {
		pages := make([]shm.Memory, 1)
		err := d[1].MapEach(1, g.Refs(), rw, pages)
		if (n == 2) != errors.Is(err, broken) {
			t.Errorf("Map number %d returned %v", n, err)
		}
		if err == nil {
			d[1].UnmapEach(1, g.Refs(), rw, pages)
		}
	}
	for op, call := range map[sim.Op]func(*sim.Domain) error{
		sim.OpGrant:     func(d *sim.Domain) error { _, err := d.Grant(2, 1, rw); return err },
		sim.OpMap:       func(d *sim.Domain) error { _, err := d.Map(2, []platform.GrantRef{8}, rw); return err },
		sim.OpListen:    func(d *sim.Domain) error { _, err := d.Listen(2); return err },
		sim.OpBind:      func(d *sim.Domain) error { _, err := d.Bind(2, 1); return err },
		sim.OpDialStore: func(d *sim.Domain) error { _, err := d.DialStore(context.Background()); return err },
	} {
		_, d := bareWorld(t, sim.Options{Hook: sim.FailNth(op, 1, broken)}, 2)
		wantErr(t, string(op), call(d[0]), broken)
	}
}

// wantErr fails unless err is want.
func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", what, err, want)
	}
}
