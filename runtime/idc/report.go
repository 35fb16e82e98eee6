package idc

import (
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Stats counts what went wrong in a service, since it was made.
type Stats struct {
	Failed   uint64 // requests that a handler failed, those that panicked not counted
	Panicked uint64 // requests whose handler panicked
}

// Stats returns the counts.
func (s *Service) Stats() Stats {
	return Stats{Failed: s.reports.failed.Load(), Panicked: s.reports.panicked.Load()}
}

// reports tells the user what went wrong in code of theirs.
type reports struct {
	log     *slog.Logger // as much as a peer can bring about
	panics  *slog.Logger
	observe func(Served)
	die     bool // at a panic

	failed, panicked atomic.Uint64

	mu         sync.Mutex
	second     time.Time // when the present one began
	logged     int       // in it
	suppressed uint64    // since the last that was logged
}

// logsASecond bounds the log of what a front end can bring about by sending requests.
const logsASecond = 20

func newReports(o *options, about ...any) *reports {
	r := &reports{log: o.log.With(about...), observe: o.observe, die: o.die}
	if r.panics = r.log; !o.logs {
		r.panics = slog.Default().With(about...) // nobody wants to miss them
	}
	return r
}

// served reports the outcome of a request.
func (r *reports) served(s Served) {
	switch {
	case s.Panic != nil:
		r.panicked.Add(1)
		if left, ok := r.mayLog(); ok {
			r.panics.Error("a handler panicked", "front", s.Front, "transaction", s.Transaction,
				"panic", s.Panic, "stack", string(s.Stack), "unlogged", left)
		}
	case s.Err != nil:
		r.failed.Add(1)
		if left, ok := r.mayLog(); ok {
			r.log.Warn("a request failed", "front", s.Front, "transaction", s.Transaction, "err", s.Err, "unlogged", left)
		}
	}
	if r.observe != nil {
		r.contain("Observe", func() { r.observe(s) })
	}
}

// mayLog reports whether one more line may be logged in this second, and how many weren't
// since the last.
func (r *reports) mayLog() (unlogged uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.second) >= time.Second {
		r.second, r.logged = now, 0
	}
	if r.logged >= logsASecond {
		r.suppressed++
		return 0, false
	}
	r.logged++
	unlogged, r.suppressed = r.suppressed, 0
	return unlogged, true
}

// contain calls f, a callback of the user's, and reports its panic.
func (r *reports) contain(callback string, f func()) {
	if !r.die {
		defer func() {
			if v := recover(); v != nil {
				r.callback(callback, v, debug.Stack())
			}
		}()
	}
	f()
}

// callback reports the panic of one.
func (r *reports) callback(name string, v any, stack []byte) {
	if left, ok := r.mayLog(); ok {
		r.panics.Error("a callback panicked", "callback", name, "panic", v, "stack", string(stack), "unlogged", left)
	}
}
