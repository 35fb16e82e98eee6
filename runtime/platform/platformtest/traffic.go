package platformtest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// together runs f n times at once and fails the test with what they return.
func together(t *testing.T, n int, f func(i int) error) {
	t.Helper()
	within(t, "what runs at once", func() {
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				if err := f(i); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

var trafficTests = []test{
	{"PingPong", func(t *testing.T, w *world) {
		x, y := bound(t, w.a, w.b)
		g := grant(t, w.a, w.b, 1, rw)
		ours, theirs := g.Memory(), mapAll(t, w.b, w.a, g.Refs(), rw).Memory()
		const rounds = 2000
		together(t, 2, func(i int) error {
			if i == 0 {
				return serveBall(ours, x, 0, rounds)
			}
			return serveBall(theirs, y, 1, rounds)
		})
	}},
	{"NoEventIsLost", func(t *testing.T, w *world) {
		// The counter is raised, then the bell rung, as fast as it goes; a receiver
		// that sleeps through the last one never sees the end.
		const senders, rounds = 3, 3000
		x, y := bound(t, w.a, w.b)
		var sent atomic.Uint32
		together(t, senders+1, func(i int) error {
			if i < senders {
				for range rounds {
					sent.Add(1)
					x.Notify()
				}
				return nil
			}
			return until(y, func() bool { return sent.Load() == senders*rounds })
		})
	}},
	{"ManyChannels", func(t *testing.T, w *world) {
		const channels, rounds = 24, 200
		var xs, ys []platform.Channel
		for i := range channels {
			peer := []platform.Domain{w.b, w.c}[i%2]
			x, y := bound(t, w.a, peer)
			xs, ys = append(xs, x), append(ys, y)
		}
		counts := make([]atomic.Uint32, 2*channels)
		together(t, 2*channels, func(i int) error {
			me, you := i, (i+channels)%(2*channels)
			c := append(xs, ys...)[me]
			for n := range uint32(rounds) {
				counts[me].Store(n + 1)
				c.Notify()
				if err := until(c, func() bool { return counts[you].Load() > n }); err != nil {
					return fmt.Errorf("channel %d: %w", i, err)
				}
			}
			return nil
		})
	}},
	{"WakeAgainstNotify", func(t *testing.T, w *world) {
		x, y := bound(t, w.a, w.b)
		var rung, woken atomic.Bool
		for range 500 {
			rung.Store(false)
			woken.Store(false)
			together(t, 3, func(i int) error {
				switch i {
				case 0:
					rung.Store(true)
					x.Notify()
				case 1:
					woken.Store(true)
					y.Wake()
				case 2:
					return until(y, func() bool { return rung.Load() && woken.Load() })
				}
				return nil
			})
		}
	}},
	{"CloseAgainstEverything", func(t *testing.T, w *world) {
		for range 100 {
			x, y := fresh(t, w.a, w.b)
			together(t, 4, func(i int) error {
				switch i {
				case 0:
					for x.Wait() == nil {
					}
				case 1:
					for range 20 {
						y.Notify()
						x.Notify()
					}
				case 2:
					return x.Close()
				case 3:
					y.Wake()
					return y.Close()
				}
				return nil
			})
		}
	}},
}

// serveBall plays one side of a game in which a word of shared memory goes up by
// one at each turn: side 0 moves it from even to odd, side 1 back.
func serveBall(m shm.Memory, c platform.Channel, side uint32, rounds int) error {
	for n := range uint32(rounds) {
		turn := 2*n + side
		if err := until(c, func() bool { return m.Load32(0) == turn }); err != nil {
			return fmt.Errorf("side %d, round %d: %w", side, n, err)
		}
		m.Store32(0, turn+1)
		c.Notify()
	}
	return nil
}

// until waits for events until the condition holds, as a driver does: it looks, and
// sleeps only after it has looked.
func until(c platform.Channel, holds func() bool) error {
	alarm := time.AfterFunc(patience/2, c.Wake)
	defer alarm.Stop()
	start := time.Now()
	for !holds() {
		if time.Since(start) >= patience/2 {
			return fmt.Errorf("asleep for %v: an event was lost", patience/2)
		}
		if err := c.Wait(); err != nil {
			return err
		}
	}
	return nil
}
