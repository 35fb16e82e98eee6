package idc_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/store"
)

// A back end whose keys make no sense is asked again now and then, not for ever at
// full speed.
func TestNonsenseOfBackIsNotPolled(t *testing.T) {
	for name, most := range map[string]string{"not a number": "banana", "no segments": "0"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			front, back := w.domain(), w.domain()
			bs := new(counter).spec()
			bs.Publish = func(w *idc.KeyWriter) { w.Text("most", most) }
			s := idc.NewService(back, "c", bs)
			defer s.Close()
			var tries atomic.Int64
			fs := frontSpec()
			negotiate := fs.Negotiate
			fs.Negotiate = func(r *idc.KeyReader) (int, error) {
				tries.Add(1)
				return negotiate(r)
			}
			f := idc.NewFront(front, "c", fs)
			defer f.Close()
			w.try(s.Ready(within(t, patience)))
			if _, err := f.Carry(within(t, 500*time.Millisecond), make([]byte, 10), 1); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, idc.ErrProtocol) {
				t.Errorf("got %v", err)
			}
			if n := tries.Load(); n == 0 || n > 12 {
				t.Errorf("tried %d times in half a second", n)
			}
		})
	}
}

// A request for service that leads to no device is looked at now and then.
func TestRequestOfNobodyIsNotPolled(t *testing.T) {
	w := newWorld(t)
	back, bad, good := w.domain(), w.domain(), w.domain()
	var tries atomic.Int64
	spec := new(counter).spec()
	publish := spec.Publish
	spec.Publish = func(w *idc.KeyWriter) { tries.Add(1); publish(w) }
	s := idc.NewService(back, "c", spec)
	defer s.Close()
	w.try(s.Ready(within(t, patience)))
	c := w.client(bad)
	defer c.Close()
	id := strconv.Itoa(int(bad.ID()))
	for _, node := range []string{id + "-7", id + "-08", id + "-x"} {
		w.try(c.Write(within(t, patience), 0, "/idc/vcount@c/fronts/"+node, ""))
	}
	time.Sleep(500 * time.Millisecond)
	if n := tries.Load(); n == 0 || n > 12 {
		t.Errorf("tried %d times in half a second", n)
	}
	f := idc.NewFront(good, "c", frontSpec())
	defer f.Close()
	check(t, f, 1)
}

// A front end that connects and breaks in circles is let in only so often.
func TestFlappingFrontIsSlowed(t *testing.T) {
	w := newWorld(t)
	back, bad := w.domain(), w.domain()
	var tries atomic.Int64
	spec := new(counter).spec()
	spec.Accept = func(*idc.KeyReader) error { tries.Add(1); return errors.New("no") }
	s := idc.NewService(back, "c", spec)
	defer s.Close()
	w.try(s.Ready(within(t, patience)))
	c := w.client(bad)
	defer c.Close()
	ctx, id := within(t, patience), strconv.Itoa(int(bad.ID()))
	dir := store.DomainPath(bad.ID()) + "/device/vcount/7"
	w.try(c.Write(ctx, 0, dir+"/state", "1"))
	for _, n := range []string{dir, dir + "/state"} {
		w.try(c.SetPerms(ctx, 0, n, store.Perm{Dom: bad.ID()}, store.Perm{Dom: back.ID(), Rights: store.PermRead}))
	}
	w.try(c.Write(ctx, 0, "/idc/vcount@c/fronts/"+id+"-7", dir))
	state := store.DomainPath(back.ID()) + "/backend/vcount/" + id + "/7/state"
	for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end); {
		for _, step := range []struct{ own, back store.State }{
			{store.StateInitialising, store.StateInitWait}, {store.StateInitialised, store.StateClosing}, {store.StateClosed, store.StateClosed},
		} {
			w.try(c.Write(ctx, 0, dir+"/state", step.own.Value()))
			await(t, c, state, step.back)
		}
	}
	if n := tries.Load(); n > 30 {
		t.Errorf("let in %d times in half a second", n)
	}
}

// Each connect has its disconnect, also when the back end's domain just goes.
func TestDisconnectOfTheDead(t *testing.T) {
	w := newWorld(t)
	front := w.domain()
	var ups, downs atomic.Int64
	f := idc.NewFront(front, "c", frontSpec(),
		idc.OnConnect(func() { ups.Add(1) }), idc.OnDisconnect(func(error) { downs.Add(1) }))
	for v := range uint64(5) {
		back := w.domain()
		s := idc.NewService(back, "c", new(counter).spec())
		check(t, f, v)
		w.kill(back)
		w.try(s.Close())
	}
	w.try(f.Close())
	if ups.Load() != 5 || downs.Load() != 5 {
		t.Errorf("%d connects, %d disconnects", ups.Load(), downs.Load())
	}
}

// What a front end published is told back to it, but not at any length.
func TestLongNonsense(t *testing.T) {
	w := newWorld(t)
	back, bad := w.domain(), w.domain()
	s := idc.NewService(back, "c", new(counter).spec())
	defer s.Close()
	w.try(s.Ready(within(t, patience)))
	misbehave(t, w, bad, back, map[string]string{"ring-ref": strings.Repeat("\x01", 1500), "event-channel": "1"})
}

// The rest that a back end has earned is its own: the next one is connected to at once.
func TestRestIsThePeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		front := w.domain()
		f := idc.NewFront(front, "c", frontSpec(), idc.Spin(-1))
		defer f.Close()
		for range 3 {
			bad := w.domain()
			spec := new(counter).spec()
			spec.Publish = func(w *idc.KeyWriter) { w.Text("most", "banana") }
			s := idc.NewService(bad, "c", spec, idc.Spin(-1))
			w.try(s.Ready(within(t, patience)))
			time.Sleep(10 * time.Second) // it rests for two seconds by now
			w.kill(bad)
			w.try(s.Close())
			good := w.domain()
			s = idc.NewService(good, "c", new(counter).spec(), idc.Spin(-1))
			start := time.Now()
			w.try(s.Ready(within(t, patience)))
			w.try(f.Connected(within(t, patience)))
			if took := time.Since(start); took > 100*time.Millisecond {
				t.Errorf("connected after %v", took)
			}
			w.try(s.Close())
		}
	})
}
