package idc_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
)

const (
	unknown      = store.StateUnknown
	initialising = store.StateInitialising
	initWait     = store.StateInitWait
	initialised  = store.StateInitialised
	connected    = store.StateConnected
	closing      = store.StateClosing
	closed       = store.StateClosed
)

// backTest is our back end on a toolstack's device, and a front end like Linux's.
type backTest struct {
	*device
	front *linuxFront
	back  platform.Domain
	most  atomic.Int64
}

func newBackTest(t *testing.T) *backTest {
	w := newWorld(t)
	front, back := w.domain(), w.domain()
	d := newDevice(t, w, front, back)
	b := &backTest{device: d, front: newLinuxFront(d, front), back: back}
	b.most.Store(4)
	return b
}

func (b *backTest) serve() *idc.Service {
	spec := new(counter).spec()
	spec.Publish = func(w *idc.KeyWriter) { w.Uint("most", uint64(b.most.Load())) }
	s := idc.NewService(b.back, "", spec, idc.Device(b.front.dom.ID(), testDev), idc.BackendType("idcvcount"))
	b.t.Cleanup(func() {
		defer play(b.front.step)() // else it would be waited for
		s.Close()
	})
	return s
}

// The life of a back end, as Linux's front ends and toolstacks make it.
func TestLinuxFront(t *testing.T) {
	for name, play := range map[string]func(b *backTest){
		"connect": func(b *backTest) {
			b.make()
			b.try(b.serve().Ready(within(b.t, patience)))
			b.front.connect()
		},
		"nodes come later": func(b *backTest) {
			s := b.serve()
			if err := s.Ready(within(b.t, 20*time.Millisecond)); err == nil || !strings.Contains(err.Error(), "no toolstack has made the device") {
				b.t.Errorf("got %v", err)
			}
			b.make()
			b.try(s.Ready(within(b.t, patience)))
			b.front.connect()
		},
		"order 0 is written": func(b *backTest) {
			b.make()
			b.serve()
			b.until(initialising, initWait, nothing)
			b.front.order0 = true
			b.front.connect()
		},
		"front closes and begins again": func(b *backTest) {
			b.make()
			b.serve()
			b.front.connect()
			b.front.say(closing, nil)
			b.until(closing, closing, nothing)
			b.front.ask(1) // what it still sends is served
			b.front.free()
			b.front.say(closed, nil)
			b.until(closed, closed, nothing)
			b.front.again()
		},
		"front closes at once": func(b *backTest) {
			b.make()
			b.serve()
			b.front.connect()
			b.front.free()
			b.front.say(closed, nil)
			b.until(closed, closed, nothing)
			b.front.again()
		},
		"suspend": func(b *backTest) {
			b.make()
			b.serve()
			b.front.connect()
			for range 3 {
				b.front.again()
			}
		},
		"suspend that nobody saw": func(b *backTest) {
			b.make()
			b.serve()
			b.front.connect()
			b.front.talk() // straight to Initialised, with other rings
			b.front.connect()
		},
		"detach": func(b *backTest) {
			b.make()
			s := b.serve()
			b.front.connect()
			b.set("online", "0")
			b.set("state", closing.Value())
			b.until(closed, closed, b.front.step)
			b.remove()
			for s.Ready(within(b.t, time.Millisecond)) == nil {
				time.Sleep(time.Millisecond)
			}
			b.make() // attach again
			b.front.own = initialising
			b.front.connect()
		},
		"detach while waiting for a front end": func(b *backTest) {
			b.make()
			b.serve()
			b.until(initialising, initWait, nothing)
			b.set("online", "0")
			b.set("state", closing.Value())
			b.until(initialising, closed, nothing)
		},
		"removed by force": func(b *backTest) {
			b.make()
			b.serve()
			b.front.connect()
			b.remove()
			b.until(unknown, unknown, nothing)
			time.Sleep(20 * time.Millisecond)
			if left := b.tree(b.BackDir()); len(left) > 0 {
				b.t.Errorf("brought back: %v", left)
			}
			b.front.free()
			b.make()
			b.front.own = initialising
			b.front.connect()
		},
		"front end's domain is destroyed": func(b *backTest) {
			b.make()
			b.serve()
			b.front.connect()
			b.front.free()
			b.try(b.root.Remove(context.Background(), 0, b.FrontDir()))
			b.until(unknown, closed, nothing)
		},
		"service ends": func(b *backTest) {
			b.make()
			s := b.serve()
			b.front.connect()
			stop := playFor(b)
			b.try(s.Close())
			stop()
			b.until(closed, closed, nothing)
			b.serve()
			b.front.again()
		},
		"service ends before a front end came": func(b *backTest) {
			b.make()
			s := b.serve()
			b.until(initialising, initWait, nothing)
			b.try(s.Close())
			b.until(initialising, initialising, b.front.step)
			b.serve()
			b.front.connect()
		},
		"predecessor died connected": func(b *backTest) {
			b.make()
			b.set("state", connected.Value())
			b.front.talk()
			b.front.say(connected, nil)
			b.serve()
			b.until(closed, closed, b.front.step)
			b.front.again()
		},
		"predecessor died while the front end waited": func(b *backTest) {
			b.make()
			b.set("state", initWait.Value())
			b.front.talk()
			b.serve()
			b.front.connect()
		},
		"predecessor and front died": func(b *backTest) {
			b.make()
			b.set("state", connected.Value())
			b.serve() // the front end is Initialising: another one
			b.until(initialising, initWait, nothing)
			b.front.connect()
		},
		"predecessor died closing": func(b *backTest) {
			b.make()
			b.set("state", closing.Value())
			b.front.talk()
			b.front.say(connected, nil)
			b.serve()
			b.until(closed, closed, b.front.step)
		},
		"predecessor closed and the front end missed it": func(b *backTest) {
			b.make()
			b.front.talk()
			b.front.say(connected, nil)
			b.set("state", closed.Value())
			b.serve()
			b.until(closed, closed, b.front.step)
		},
		"grows": func(b *backTest) {
			b.make()
			s := b.serve()
			b.front.connect()
			b.most.Store(3)
			s.Republish()
			for end := time.Now().Add(patience); !slices.Contains(b.front.seen, "3") && time.Now().Before(end); time.Sleep(time.Millisecond) {
				b.front.step()
			}
			b.front.ask(7)
			if !slices.Contains(b.front.seen, "3") {
				b.t.Errorf("saw %v", b.front.seen)
			}
		},
		"unknown protocol": func(b *backTest) {
			b.make()
			b.serve()
			b.front.keys = map[string]string{"protocol": "vax-abi"}
			b.until(closed, closed, b.front.step)
			if text := b.get(b.BackDir(), "error"); !strings.Contains(text, "vax-abi") {
				b.t.Errorf("error is %q", text)
			}
			home := store.DomainPath(b.Back) + "/"
			errors := home + "error/" + strings.TrimPrefix(b.BackDir(), home)
			if text := b.get(errors, "error"); !strings.HasPrefix(text, "22 ") || !strings.Contains(text, "vax-abi") {
				b.t.Errorf("what toolstacks look at is %q", text)
			}
			b.front.keys = map[string]string{"protocol": "other-abi"}
			b.front.again()
			for end := time.Now().Add(patience); b.get(errors, "error") != "" && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
			if text := b.get(errors, "error"); text != "" {
				b.t.Errorf("and still is %q", text)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBackTest(t)
			play(b)
		})
	}
}

// playFor plays the front end.
func playFor(b *backTest) (stop func()) { return play(b.front.step) }

// frontTest is our front end on a toolstack's device, and a back end like Linux's.
type frontTest struct {
	*device
	back    *linuxBack
	front   platform.Domain
	changes atomic.Int64
	most    atomic.Int64
}

func newFrontTest(t *testing.T) *frontTest {
	w := newWorld(t)
	front, back := w.domain(), w.domain()
	d := newDevice(t, w, front, back)
	return &frontTest{device: d, back: newLinuxBack(d, back), front: front}
}

func (f *frontTest) open() *idc.Front {
	spec := frontSpec()
	spec.Refresh = func(r *idc.KeyReader) (bool, error) {
		n := int64(r.Uint("most", 8, 1))
		return f.most.Swap(n) != n, r.Err()
	}
	front := idc.NewFront(f.front, "", spec, idc.Device(f.back.dom.ID(), testDev), idc.OnChange(func() { f.changes.Add(1) }))
	f.t.Cleanup(func() {
		defer play(f.back.step)() // else it would be waited for
		front.Close()
	})
	return front
}

// The life of a front end, as Linux's back ends and toolstacks make it.
func TestLinuxBack(t *testing.T) {
	for name, script := range map[string]func(f *frontTest){
		"connect and close": func(f *frontTest) {
			f.make()
			defer play(f.back.step)()
			front := f.open()
			check(f.t, front, 1)
			f.try(front.Close())
			f.until(closed, closed, nothing)
			check(f.t, f.open(), 2) // Closed is where it begins again
		},
		"nodes come later": func(f *frontTest) {
			front := f.open()
			if err := front.Connected(within(f.t, 20*time.Millisecond)); err == nil || !strings.Contains(err.Error(), "no toolstack has made the device") {
				f.t.Errorf("got %v", err)
			}
			f.make()
			defer play(f.back.step)()
			check(f.t, front, 1)
		},
		"predecessor had more pages and queues": func(f *frontTest) {
			f.make()
			for _, name := range []string{"ring-page-order", "multi-queue-num-queues", "queue-0/ring-ref0", "queue-1/event-channel", "ring-ref3", "mine"} {
				f.try(f.root.Write(context.Background(), 0, f.FrontDir()+"/"+name, "2"))
			}
			defer play(f.back.step)()
			check(f.t, f.open(), 1)
			if f.get(f.FrontDir(), "queue-0/ring-ref0") != "" || f.get(f.FrontDir(), "ring-ref3") != "" || f.get(f.FrontDir(), "mine") != "2" {
				f.t.Errorf("there are %v", f.tree(f.FrontDir()))
			}
		},
		"closed while it looks about": func(f *frontTest) {
			f.make()
			defer play(f.back.step)()
			for v := range uint64(30) {
				front := f.open()
				check(f.t, front, v)
				f.set("online", "1") // something to look at
				time.Sleep(time.Duration(v) * 10 * time.Microsecond)
				f.try(front.Close())
				f.until(closed, closed, nothing)
			}
		},
		"another back end's": func(f *frontTest) {
			f.make()
			f.try(f.root.Write(context.Background(), 0, f.FrontDir()+"/backend", "/local/domain/999/backend/vcount/1/2"))
			front := f.open()
			if err := front.Connected(within(f.t, 20*time.Millisecond)); err == nil || errors.Is(err, idc.ErrClosed) {
				f.t.Errorf("got %v", err)
			}
		},
		"predecessor died connected": func(f *frontTest) {
			f.make()
			stop := play(f.back.step)
			old := f.open()
			check(f.t, old, 1)
			stop()
			f.back.disconnect()
			f.try(old.Close())
			f.try(f.root.Write(context.Background(), 0, f.FrontDir()+"/state", connected.Value()))
			f.set("state", connected.Value())
			f.back.own = connected
			defer play(f.back.step)()
			check(f.t, f.open(), 2)
		},
		"predecessor died before it connected": func(f *frontTest) {
			f.make()
			f.back.probe()
			f.try(f.root.Write(context.Background(), 0, f.FrontDir()+"/state", closing.Value()))
			defer play(f.back.step)()
			check(f.t, f.open(), 2)
		},
		"back end closes": func(f *frontTest) {
			f.make()
			stop := play(f.back.step)
			front := f.open()
			check(f.t, front, 1)
			stop()
			f.set("state", closing.Value())
			f.back.own = closing
			defer play(f.back.step)()
			check(f.t, front, 2)
		},
		"answers come while closing": func(f *frontTest) {
			f.make()
			stop := play(f.back.step)
			front := f.open()
			check(f.t, front, 1)
			stop()
			f.back.held = 1
			got := make(chan error, 1)
			go func() {
				_, err := add(context.Background(), front, 5, false) // not to be sent again
				got <- err
			}()
			f.back.serve()
			time.Sleep(10 * time.Millisecond)
			f.set("state", closing.Value())
			f.back.own = closing
			f.until(closing, closing, nothing)
			f.back.held = 0
			defer play(f.back.step)()
			if err := <-got; err != nil {
				f.t.Errorf("a request that was answered in time: %v", err)
			}
			check(f.t, front, 6)
		},
		"detach": func(f *frontTest) {
			f.make()
			stop := play(f.back.step)
			defer func() { stop() }()
			front := f.open()
			check(f.t, front, 1)
			f.set("online", "0")
			f.set("state", closing.Value())
			f.until(closed, closed, nothing)
			time.Sleep(20 * time.Millisecond)
			f.until(closed, closed, nothing) // it stays so
			f.remove()
			stop()
			f.make()
			f.back.own, f.back.gone = unknown, false
			stop = play(f.back.step)
			check(f.t, front, 2)
		},
		"made anew at once": func(f *frontTest) {
			f.make()
			stop := play(f.back.step)
			defer func() { stop() }()
			front := f.open()
			check(f.t, front, 1)
			stop()
			f.back.disconnect()
			f.remove()
			f.make()
			f.back.own = unknown
			stop = play(f.back.step)
			check(f.t, front, 2)
		},
		"removed by force": func(f *frontTest) {
			f.make()
			defer play(f.back.step)()
			front := f.open()
			check(f.t, front, 1)
			f.remove()
			f.until(unknown, unknown, nothing)
			f.try(front.Close())
			if left := f.tree(f.FrontDir()); len(left) > 0 {
				f.t.Errorf("brought back: %v", left)
			}
		},
		"grows": func(f *frontTest) {
			f.make()
			stop := play(f.back.step)
			defer func() { stop() }()
			front := f.open()
			check(f.t, front, 1)
			stop()
			f.back.say(connected, map[string]string{"most": "3"})
			stop = play(f.back.step)
			for end := time.Now().Add(patience); f.most.Load() != 3 && time.Now().Before(end); time.Sleep(time.Millisecond) {
			}
			check(f.t, front, 2)
			if f.most.Load() != 3 || f.changes.Load() == 0 {
				f.t.Errorf("most is %d after %d changes", f.most.Load(), f.changes.Load())
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFrontTest(t)
			script(f)
		})
	}
}
