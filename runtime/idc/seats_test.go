package idc_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/sim"
	"github.com/xenidc/idc/runtime/store"
)

// fronts makes front ends and waits until they are connected.
func (w *world) fronts(t *testing.T, d platform.Domain, n int) (all []*idc.Front) {
	for range n {
		f := idc.NewFront(d, "c", frontSpec())
		t.Cleanup(func() { f.Close() })
		all = append(all, f)
		w.try(f.Connected(within(t, patience)))
	}
	return all
}

// connected is how many of front ends are.
func up(fronts []*idc.Front) (n int) {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	for _, f := range fronts {
		if f.Connected(now) == nil {
			n++
		}
	}
	return n
}

// One domain can have all seats of a service as long as nobody else wants them: then they
// are shared evenly, and nobody is thrown out in circles.
func TestSeatsAreShared(t *testing.T) {
	w := newWorld(t)
	greedy, honest, third, back := w.domain(), w.domain(), w.domain(), w.domain()
	s := idc.NewService(back, "c", new(counter).spec(), idc.Fronts(8))
	defer s.Close()
	first := w.fronts(t, greedy, 8)
	waits := idc.NewFront(greedy, "c", frontSpec())
	defer waits.Close()
	for range 5000 {
		if err := waits.Connected(within(t, 10*time.Millisecond)); errors.Is(err, idc.ErrBusy) && strings.Contains(err.Error(), "8 (idc.Fronts)") {
			break
		}
	}
	if err := waits.Connected(within(t, 10*time.Millisecond)); !errors.Is(err, idc.ErrBusy) || !errors.Is(err, idc.ErrDisconnected) {
		t.Errorf("a ninth front end is told %v", err)
	}
	second := w.fronts(t, honest, 3)
	if n := up(second); n != 3 {
		t.Errorf("%d of 3 stay", n)
	}
	w.fronts(t, third, 2)
	for range 5000 {
		if up(first) == 3 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if up(first) != 3 || up(second) != 3 {
		t.Errorf("%d of the greedy one's and %d of the honest one's are connected", up(first), up(second))
	}
	for v, f := range second {
		check(t, f, uint64(v))
	}
}

// The seats of a domain that is gone are others' at once.
func TestSeatsComeFree(t *testing.T) {
	w := newWorld(t)
	a, b, back := w.domain(), w.domain(), w.domain()
	s := idc.NewService(back, "c", new(counter).spec(), idc.Fronts(2))
	defer s.Close()
	w.fronts(t, a, 2)
	rest := make([]*idc.Front, 2)
	for i := range rest {
		rest[i] = idc.NewFront(b, "c", frontSpec())
		defer rest[i].Close()
	}
	for up(rest) != 1 {
		time.Sleep(time.Millisecond)
	}
	w.kill(a)
	for v, f := range rest {
		check(t, f, uint64(v))
	}
}

// Front ends that take seats and never connect lose them when others wait.
func TestSeatsOfTheIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		bad, good, back := w.domain(), w.domain(), w.domain()
		s := idc.NewService(back, "c", new(counter).spec(), idc.Fronts(1), idc.Spin(-1))
		defer s.Close()
		w.try(s.Ready(within(t, patience)))
		c := w.client(bad)
		defer c.Close()
		id := strconv.Itoa(int(bad.ID()))
		dir := store.DomainPath(bad.ID()) + "/device/vcount/7"
		w.try(c.Write(t.Context(), 0, dir+"/state", "1"))
		for _, n := range []string{dir, dir + "/state"} {
			w.try(c.SetPerms(t.Context(), 0, n, store.Perm{Dom: bad.ID()}, store.Perm{Dom: back.ID(), Rights: store.PermRead}))
		}
		w.try(c.Write(t.Context(), 0, "/idc/vcount@c/fronts/"+id+"-7", dir))
		await(t, c, fmt.Sprintf("%s/backend/vcount/%s/7/state", store.DomainPath(back.ID()), id), store.StateInitWait)
		f := idc.NewFront(good, "c", frontSpec(), idc.Spin(-1))
		defer f.Close()
		if err := f.Connected(within(t, 20*time.Second)); err != nil {
			t.Error(err)
		}
	})
}

// Many front ends of one service, each a domain of its own, and many services of one
// domain with a front end each in one other: as many as the default options allow for.
func TestThousands(t *testing.T) {
	n := 1000
	if testing.Short() || raceEnabled {
		n = 200
	}
	for name, make := range map[string]func(w *world) ([]*idc.Service, []*idc.Front){
		"fronts of one service": func(w *world) ([]*idc.Service, []*idc.Front) {
			s := idc.NewService(w.domain(), "c", new(counter).spec(), idc.Spin(-1))
			fronts := []*idc.Front{}
			for range n {
				fronts = append(fronts, idc.NewFront(w.domain(), "c", frontSpec(), idc.Spin(-1)))
			}
			return []*idc.Service{s}, fronts
		},
		"services of one domain": func(w *world) (services []*idc.Service, fronts []*idc.Front) {
			front, back := w.domain(), w.domain()
			for i := range n {
				name := fmt.Sprint("c", i)
				services = append(services, idc.NewService(back, name, new(counter).spec(), idc.Spin(-1)))
				fronts = append(fronts, idc.NewFront(front, name, frontSpec(), idc.Spin(-1)))
			}
			return services, fronts
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorldOf(t, sim.Options{Grants: 1 << 22, Ports: 1 << 12})
			services, fronts := make(w)
			var all sync.WaitGroup
			for v, f := range fronts {
				all.Go(func() {
					if err := f.Connected(within(t, time.Minute)); err != nil {
						t.Errorf("front end %d: %v", v, err)
						return
					}
					if got, err := add(within(t, time.Minute), f, uint64(v), true); err != nil || got != uint64(v)+1 {
						t.Errorf("front end %d: %d, %v", v, got, err)
					}
				})
			}
			all.Wait()
			for _, f := range fronts {
				all.Go(func() { f.Close() })
			}
			for _, s := range services {
				all.Go(func() { s.Close() })
			}
			all.Wait()
		})
	}
}

// A third domain that only makes and removes nodes where it may keeps nobody from
// connecting, and can't remove, fill or take what others need.
func TestHostileDiscovery(t *testing.T) {
	w := newWorld(t)
	front, back := w.domain(), w.domain()
	s := idc.NewService(back, "c", new(counter).spec())
	defer s.Close()
	w.try(s.Ready(within(t, patience)))
	ctx, cancel := context.WithCancel(context.Background())
	var busy sync.WaitGroup
	var rounds atomic.Int64
	for range 48 {
		d := w.domain()
		c := w.client(d)
		own := strconv.Itoa(int(d.ID()))
		busy.Go(func() {
			defer c.Close()
			for i := 0; ctx.Err() == nil; i++ {
				for _, p := range []string{
					"/idc/vcount@c/fronts/" + own + "-" + strconv.Itoa(i%100),
					"/idc/vcount@c/fronts/" + strconv.Itoa(int(front.ID())) + "-" + strconv.Itoa(i%100),
					"/idc/vcount@own" + own, "/idc", "/idc/vcount@c", "/idc/vcount@c/fronts",
				} {
					c.Write(ctx, store.NoTx, p, "")
					c.Remove(ctx, store.NoTx, p)
				}
				rounds.Add(1)
			}
		})
	}
	for rounds.Load() < 48 {
		time.Sleep(time.Millisecond)
	}
	for v := range uint64(3) {
		f := idc.NewFront(front, "c", frontSpec())
		check(t, f, v)
		w.try(f.Close())
	}
	late := idc.NewService(back, "late", new(counter).spec())
	w.try(late.Ready(within(t, patience)))
	w.try(late.Close())
	cancel()
	busy.Wait()
}
