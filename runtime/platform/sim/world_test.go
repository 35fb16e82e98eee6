package sim_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/sim"
	"github.com/xenidc/idc/runtime/shm"
	"github.com/xenidc/idc/runtime/store"
)

// TestStoreOfTheDead: what a domain owned goes with it, and whoever watches
// @releaseDomain hears of it.
func TestStoreOfTheDead(t *testing.T) {
	w, d := newWorld(t, sim.Options{}, 2)
	ctx := t.Context()
	mortal := store.NewClient(must[io.ReadWriteCloser](t)(d[0].DialStore(ctx)))
	defer mortal.Close()
	if err := mortal.Write(ctx, store.NoTx, "data/x", "1"); err != nil {
		t.Fatal(err)
	}
	if err := mortal.Write(ctx, store.NoTx, "/idc/mine", "1"); err != nil {
		t.Fatalf("domains can't publish: %v", err)
	}
	admin := w.Store().Local()
	defer admin.Close()
	watch, err := admin.Watch(ctx, store.ReleaseDomain)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Next(ctx); err != nil { // A watch fires once when it is set.
		t.Fatal(err)
	}
	w.Kill(1)
	if _, err := watch.Next(ctx); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{store.DomainPath(1), store.DomainPath(1) + "/data/x", "/idc/mine"} {
		if _, err := admin.Read(ctx, store.NoTx, path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want it gone", path, err)
		}
	}
	if there, err := admin.Exists(ctx, store.NoTx, store.DomainPath(2)); !there {
		t.Errorf("the other domain's subtree is gone, too: %v", err)
	}
	<-mortal.Done()
}

// TestOwnStore: a test may bring its own store.
func TestOwnStore(t *testing.T) {
	server := store.NewServer(store.Options{})
	defer server.Close()
	refused := errors.New("refused")
	w, d := newWorld(t, sim.Options{Dial: func(_ context.Context, dom platform.DomID) (io.ReadWriteCloser, error) {
		return nil, fmt.Errorf("domain %d: %w", dom, refused)
	}}, 1)
	_, err := d[0].DialStore(t.Context())
	wantErr(t, "DialStore", err, refused)
	if w.Store() != nil {
		t.Error("the world has a store nevertheless")
	}
	w.Kill(1)
}

// TestSynctest: worlds work in a bubble, where time passes when everybody sleeps.
func TestSynctest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, d := bareWorld(t, sim.Options{}, 2)
		x := must[platform.Channel](t)(d[0].Listen(2))
		y := must[platform.Channel](t)(d[1].Bind(1, x.Port()))
		start := time.Now()
		go func() {
			time.Sleep(time.Hour)
			x.Notify()
		}()
		for time.Since(start) < time.Hour {
			if err := y.Wait(); err != nil {
				t.Error(err)
				return
			}
		}
		conn := must[io.ReadWriteCloser](t)(d[0].DialStore(t.Context()))
		c := store.NewClient(conn)
		defer c.Close()
		if err := c.Write(t.Context(), store.NoTx, "data/x", "1"); err != nil {
			t.Error(err)
		}
	})
}

// TestKillAnytime has pairs of domains talk, share and map as fast as they can, and
// kills one of each pair at a random moment. The other must come to an end by
// itself, and hold nothing once it has let go.
func TestKillAnytime(t *testing.T) {
	for seed := range uint64(8) {
		w, d := newWorld(t, sim.Options{Hook: sim.Shake(seed, 2)}, 8)
		rnd := rand.New(rand.NewPCG(seed, 1))
		var wg sync.WaitGroup
		for i := 0; i < len(d); i += 2 {
			x := must[platform.Channel](t)(d[i].Listen(d[i+1].ID()))
			y := must[platform.Channel](t)(d[i+1].Bind(d[i].ID(), x.Port()))
			refs := make(chan platform.Grant, 1)
			wg.Go(func() { own(t, d[i], d[i+1].ID(), x, refs) })
			wg.Go(func() { use(t, d[i+1], d[i].ID(), y, refs) })
			delay := time.Duration(rnd.IntN(3000)) * time.Microsecond
			victim := d[i+rnd.IntN(2)].ID()
			wg.Go(func() {
				time.Sleep(delay)
				w.Kill(victim)
			})
		}
		wg.Wait()
		if leaks := w.Leaks(); leaks != nil {
			t.Errorf("seed %d: still held: %q", seed, leaks)
		}
	}
}

// ended reports whether an error is one that the end of a domain explains, and fails
// the test if not.
func ended(t *testing.T, err error) bool {
	if err != nil && !errors.Is(err, platform.ErrPeerGone) && !errors.Is(err, platform.ErrClosed) {
		t.Error(err)
	}
	return err != nil
}

// own grants pages, hands them over, waits and takes them back, until it or its
// peer has ended.
func own(t *testing.T, d *sim.Domain, peer platform.DomID, c platform.Channel, out chan<- platform.Grant) {
	defer close(out)
	defer c.Close()
	for {
		g, err := d.Grant(peer, 2, rw)
		if ended(t, err) {
			return
		}
		select {
		case out <- g:
		default:
		}
		c.Notify()
		err = c.Wait()
		g.Free()
		if ended(t, err) {
			return
		}
	}
}

// use maps what it is given, until it or its peer has ended. What it is given may
// have been taken back before it maps it, and while it uses it.
func use(t *testing.T, d *sim.Domain, peer platform.DomID, c platform.Channel, in <-chan platform.Grant) {
	defer c.Close()
	pages := make([]shm.Memory, 2)
	for g := range in {
		err := d.MapEach(peer, g.Refs(), rw, pages)
		if err == nil {
			pages[1].Store32(64, pages[0].Load32(64)+1)
			d.UnmapEach(peer, g.Refs(), rw, pages)
		} else if !errors.Is(err, platform.ErrBadRef) && ended(t, err) {
			return
		}
		c.Notify()
	}
}
