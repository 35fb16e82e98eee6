package blk_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/xenidc/idc/generated/blk"
	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/idc/idctest"
	"github.com/xenidc/idc/runtime/platform/sim"
)

// TestReplay has the back end go away again and again under load, in good order and
// killed, and come back as another domain. No call may notice.
func TestReplay(t *testing.T) {
	testenv.Leaks(t)
	w := idctest.World(t, sim.Options{})
	front := idctest.Domain(t, w)
	d := newDisk(4096)
	copy(d.data, noise(4, len(d.data)))
	want := bytes.Clone(d.data)
	f := blk.NewFront(front, "disk")
	defer f.Close()

	ctx, stop := context.WithTimeout(context.Background(), 60*time.Second)
	defer stop()
	var wg sync.WaitGroup
	over := make(chan struct{})
	for i := range 4 {
		wg.Go(func() {
			buf := make([]byte, 100*512)
			for {
				select {
				case <-over:
					return
				default:
				}
				at := i * 1000 * 512
				if s, err := f.Read(ctx, blk.Sectors(i*1000), buf); s != blk.StatusOkay || err != nil {
					t.Errorf("read: %v, %v", s, err)
					return
				}
				if !bytes.Equal(buf, want[at:][:len(buf)]) {
					t.Error("read other data")
					return
				}
				if s, err := f.Write(ctx, blk.Sectors(i*1000), buf); s != blk.StatusOkay || err != nil {
					t.Errorf("write: %v, %v", s, err)
					return
				}
			}
		})
	}
	for round := range 7 {
		back := idctest.Domain(t, w)
		keys := d.keys()
		if round == 4 {
			keys.FeatureMaxIndirectSegments = 1 // requests under way become too long
		}
		s := blk.Export(back, "disk", keys, d)
		if err := s.Ready(ctx); err != nil {
			t.Fatal(err)
		}
		if err := f.Connected(ctx); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Millisecond)
		if round%2 == 1 {
			w.Kill(back.ID())
		}
		if round < 6 {
			s.Close()
		} else {
			close(over)
			wg.Wait()
			s.Close()
		}
	}
}

// TestKilledAnswersNothing kills a back end that has taken one request and finds the
// next on its ring: that one isn't answered by the dead, but served by the living.
func TestKilledAnswersNothing(t *testing.T) {
	testenv.Leaks(t)
	w := idctest.World(t, sim.Options{})
	first, second := idctest.Domain(t, w), idctest.Domain(t, w)
	f := blk.NewFront(idctest.Domain(t, w), "disk")
	defer f.Close()
	d := newDisk(64)
	s := blk.Export(first, "disk", d.keys(), d)
	if err := f.Connected(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { ok(t, "read")(f.Read(t.Context(), 0, make([]byte, 512))) })
	}
	time.Sleep(5 * time.Millisecond) // both are on the ring, one is with the disk
	w.Kill(first.ID())
	d.mu.Unlock()
	s.Close()
	s = blk.Export(second, "disk", d.keys(), d)
	defer s.Close()
	wg.Wait()
}

// TestClose ends a front end while a request is with the back end.
func TestClose(t *testing.T) {
	d := newDisk(64)
	f := serve(t, d, d.keys())
	d.mu.Lock()
	ended := make(chan error)
	go func() {
		_, err := f.Read(context.Background(), 0, make([]byte, 512))
		ended <- err
	}()
	time.Sleep(5 * time.Millisecond)
	f.Close()
	if err := <-ended; !errors.Is(err, idc.ErrClosed) {
		t.Errorf("the call ended with %v", err)
	}
	d.mu.Unlock()
	if _, err := f.Read(context.Background(), 0, make([]byte, 512)); !errors.Is(err, idc.ErrClosed) {
		t.Errorf("a call after Close ended with %v", err)
	}
}
