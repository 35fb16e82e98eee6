// Package measure runs operations for a while and tells how many there were, how
// long they took and what they cost.
package measure

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Every is how often an operation is timed: one in so many. Reading the clock twice
// takes about 60 ns, which would show in operations of 500.
const Every = 16

// Meter is one run. Loads call it; its methods may be called by any number of
// goroutines at once.
type Meter struct {
	stop atomic.Bool
	mu   sync.Mutex
	ops  uint64
	hist Histogram
}

// Done reports whether the time is up. Operations that were begun are finished.
func (m *Meter) Done() bool { return m.stop.Load() }

// add counts what one goroutine did.
func (m *Meter) add(ops uint64, h *Histogram) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ops += ops
	m.hist.Merge(h)
}

// Load performs operations until m says that it is done.
type Load func(m *Meter) error

// Serial is a load of one operation after the other.
func Serial(op func() error) Load {
	return func(m *Meter) error {
		var h Histogram
		var n uint64
		defer func() { m.add(n, &h) }()
		for ; !m.Done(); n++ {
			if n%Every == 0 {
				if err := timed(&h, op); err != nil {
					return err
				}
			} else if err := op(); err != nil {
				return err
			}
		}
		return nil
	}
}

func timed(h *Histogram, op func() error) error {
	start := time.Now()
	err := op()
	h.Add(time.Since(start))
	return err
}

// Parallel is a load of n goroutines, each of which performs one operation after
// the other. make makes the operation of each.
func Parallel(n int, make func(i int) func() error) Load {
	return func(m *Meter) error {
		errs := newErrors(n)
		var wg sync.WaitGroup
		for i := range n {
			load := Serial(make(i))
			wg.Go(func() { errs.set(load(m)) })
		}
		wg.Wait()
		return errs.first()
	}
}

// Window times operations that overlap. Begin and End are called for each, in any
// order among those of different slots, by one goroutine each for a slot at a time.
type Window struct {
	m     *Meter
	start []time.Time
	n     atomic.Uint64
	mu    sync.Mutex
	hist  Histogram
}

// NewWindow times up to slots operations under way at once.
func NewWindow(m *Meter, slots int) *Window {
	return &Window{m: m, start: make([]time.Time, slots)}
}

// Begin notes that the operation of a slot begins.
func (w *Window) Begin(slot int) {
	if w.n.Add(1)%Every == 0 {
		w.start[slot] = time.Now()
	}
}

// End notes that the operation of a slot has ended.
func (w *Window) End(slot int) {
	if s := w.start[slot]; !s.IsZero() {
		w.start[slot] = time.Time{}
		w.mu.Lock()
		w.hist.Add(time.Since(s))
		w.mu.Unlock()
	}
}

// Close counts what was done. All operations have ended.
func (w *Window) Close() { w.m.add(w.n.Load(), &w.hist) }

// errorList keeps what several goroutines met.
type errorList chan error

func newErrors(n int) errorList { return make(errorList, n) }

func (e errorList) set(err error) {
	if err != nil {
		e <- err
	}
}

func (e errorList) first() error {
	select {
	case err := <-e:
		return err
	default:
		return nil
	}
}

// Sample is what one run gave.
type Sample struct {
	Ops  uint64
	Time time.Duration
	CPU  time.Duration // of both processes
	// Allocs counts what this process allocated on the heap.
	Allocs uint64
	Hist   Histogram
}

// Run runs a load for about d. pids are the processes whose time of a CPU counts.
func Run(load Load, d time.Duration, pids ...int) (*Sample, error) {
	m := new(Meter)
	cpu, err := cpuTime(pids)
	if err != nil {
		return nil, err
	}
	allocs := mallocs()
	start := time.Now()
	timer := time.AfterFunc(d, func() { m.stop.Store(true) })
	defer timer.Stop()
	if err := load(m); err != nil {
		return nil, err
	}
	took := time.Since(start)
	allocs = mallocs() - allocs
	after, err := cpuTime(pids)
	if err != nil {
		return nil, err
	}
	if m.ops == 0 {
		return nil, fmt.Errorf("no operation in %v", took)
	}
	return &Sample{Ops: m.ops, Time: took, CPU: after - cpu, Allocs: allocs, Hist: m.hist}, nil
}

// mallocs is how often this process has allocated on the heap.
func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}
