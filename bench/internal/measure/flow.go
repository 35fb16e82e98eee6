package measure

import (
	"runtime"
	"sync/atomic"
	"time"
)

// Flow measures operations that overlap, are begun by one goroutine and end in
// callbacks. At most one of them is timed at a time, so that the others need no
// state of their own.
type Flow struct {
	m     *Meter
	begun uint64
	ended atomic.Uint64
	timed atomic.Bool // an operation that is timed is under way
	start time.Time   // of that
	err   atomic.Pointer[error]
	hist  Histogram // of those that ended
}

// NewFlow makes one for a run.
func NewFlow(m *Meter) *Flow { return &Flow{m: m} }

// Begin notes that an operation is about to begin, and says whether it is timed:
// then EndTimed ends it, else End does.
func (f *Flow) Begin() (timed bool) {
	f.begun++
	if f.begun%Every != 0 || !f.timed.CompareAndSwap(false, true) {
		return false
	}
	f.start = time.Now()
	return true
}

// End notes the end of an operation.
func (f *Flow) End(err error) {
	if err != nil {
		first := err // a copy, so that err needn't be on the heap each time
		f.err.CompareAndSwap(nil, &first)
	}
	f.ended.Add(1)
}

// EndTimed notes the end of one that is timed.
func (f *Flow) EndTimed(err error) {
	f.hist.Add(time.Since(f.start))
	f.timed.Store(false)
	f.End(err)
}

// Done reports whether no more should be begun.
func (f *Flow) Done() bool { return f.m.Done() || f.err.Load() != nil }

// Close waits until all that began have ended and counts them. poll, if it isn't
// nil, is what brings that about.
func (f *Flow) Close(poll func() int) error {
	for f.ended.Load() < f.begun {
		if poll == nil || poll() == 0 {
			runtime.Gosched()
		}
	}
	f.m.add(f.begun, &f.hist)
	if err := f.err.Load(); err != nil {
		return *err
	}
	return nil
}
