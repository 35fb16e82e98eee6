package transport

import (
	"time"

	"github.com/xenidc/idc/runtime/platform"
)

// slowAfter is the least average time of service from which on a worker that takes a
// request lets another lead at once, rather than only when more requests wait, if
// experience says that more will come ([company]). Where waking a goroutine costs more, as
// under a hypervisor whose virtual CPUs have to share, it is twice that, as measured; but
// see mostWake.
const slowAfter = 20 * time.Microsecond

// mostWake bounds what one wake-up is taken to cost: it may have been an accident.
const mostWake = 500 * time.Microsecond

// batch is how many answers a lone worker publishes at once while more requests
// wait. Each publication costs a fence and moves a cache line between CPUs.
const batch = 4

// measured is how many requests there are to one whose service is timed, since a look
// at a clock isn't free.
const measured = 8

// worker is one goroutine of a BackQueue with its own Request.
type worker struct {
	q       *BackQueue
	r       *Request
	alone   bool
	average time.Duration
	served  uint
	handed  bool   // another was called to lead when the present request was taken
	before  uint64 // requests taken by then
}

func newWorker(q *BackQueue) *worker {
	return &worker{q: q, r: newRequest(q), alone: q.cfg.Workers <= 1}
}

// run serves until the queue stops. The queue's lock is held except while sleeping
// and serving.
func (w *worker) run() {
	q := w.q
	unpublished := 0
	q.mu.Lock()
	defer q.mu.Unlock()
	for w.next(unpublished > 0) {
		if unpublished > 0 && !w.more() {
			w.publish()
			unpublished = 0
			continue
		}
		if !w.take(unpublished > 0) {
			continue
		}
		q.mu.Unlock()
		w.serve()
		q.mu.Lock()
		w.learn()
		if w.r.orphan {
			q.fail(platform.ErrClosed)
			break
		}
		q.cfg.Ring.Put(w.r.rsp[:w.r.size])
		if q.cfg.Fill {
			q.cfg.Ring.ZeroRest(w.r.size)
		}
		if unpublished++; !w.alone || unpublished >= batch {
			w.publish()
			unpublished = 0
		}
	}
	if unpublished > 0 {
		w.publish()
	}
}

// next waits for something to do. It is false when the queue stops. With answers to
// publish there always is.
func (w *worker) next(busy bool) bool {
	q := w.q
	for !q.stopped && !busy && !w.more() {
		if q.leading {
			q.parked++
			q.idle.Wait()
			q.parked--
			q.awoken()
			continue
		}
		w.lead()
	}
	return !q.stopped
}

// more reports whether a request waits.
func (w *worker) more() bool {
	n, err := w.q.cfg.Ring.Requests()
	if err != nil {
		w.q.fail(&ProtocolError{Field: "request producer", Err: err})
		return false
	}
	return n > 0
}

// take copies the next request out of the ring, once. held says that answers wait for
// this one's to be published.
func (w *worker) take(held bool) bool {
	q := w.q
	if q.stopped || !w.more() {
		return false
	}
	q.cfg.Ring.Take(w.r.slot)
	if q.serving++; q.serving > 1 {
		q.company.came()
	}
	lonely := q.parked > 0 && !q.leading
	q.vigil.took(lonely, held)
	if w.handed = lonely && (w.more() || w.slow() && q.company.expected()); w.handed {
		w.before = q.vigil.taken
		if w.before%measured == 0 {
			q.called = now()
		}
		q.idle.Signal()
	}
	return true
}

// slow reports whether requests mostly take so long that another worker should lead
// meanwhile.
func (w *worker) slow() bool { return w.average > max(slowAfter, 2*w.q.wake) }

// learn notes whether other requests have come while one was served. Those that were
// taken already have been noted by who took them.
func (w *worker) learn() {
	q := w.q
	q.serving--
	switch {
	case w.alone:
	case w.handed && q.vigil.taken == w.before:
		q.company.missed()
	case w.more():
		q.company.came()
	}
}

// awoken measures what it took to wake the worker that calls it, if one was called.
func (q *BackQueue) awoken() {
	if q.called == 0 {
		return
	}
	q.wake += (min(now()-q.called, mostWake) - q.wake) / 8
	q.called = 0
}

// serve runs the handler, and measures one in measured.
func (w *worker) serve() {
	w.served++
	if w.alone || w.served%measured != 0 {
		w.q.cfg.Handle(w.r)
		w.r.reset()
		return
	}
	start := now()
	w.q.cfg.Handle(w.r)
	w.r.reset()
	w.average += (now() - start - w.average) / 2
}

// publish makes answers visible and notifies the front end if it asked for that.
func (w *worker) publish() {
	q := w.q
	if q.cfg.Ring.Push() {
		q.mu.Unlock()
		q.cfg.Channel.Notify()
		q.mu.Lock()
	}
}

// lead waits for a request: spins, then arms the notification, looks once more and
// sleeps. It is entered and left with the lock, and doesn't hold it meanwhile.
func (w *worker) lead() {
	q := w.q
	q.leading = true
	b := q.patience.budget()
	for b.left() && !q.stopped && !w.more() {
		q.mu.Unlock()
		q.mu.Lock()
	}
	switch {
	case q.stopped:
	case w.more():
		q.patience.paid()
	default:
		q.patience.wasted(b)
		w.sleep()
	}
	q.leading = false
}

func (w *worker) sleep() {
	q := w.q
	pending, err := q.cfg.Ring.Arm()
	if err != nil {
		q.fail(&ProtocolError{Field: "request producer", Err: err})
	}
	if pending || err != nil {
		return
	}
	q.mu.Unlock()
	err = q.cfg.Channel.Wait()
	q.mu.Lock()
	if err != nil && !q.stopped {
		q.fail(err)
	}
}
