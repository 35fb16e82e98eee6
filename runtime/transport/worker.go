package transport

import (
	"time"

	"github.com/xenidc/idc/runtime/platform"
)

// batch is how many answers a worker publishes at once while more requests wait and no
// other worker is awake. Each publication costs a fence and moves a cache line between
// CPUs.
const batch = 4

// measured is how many quick requests there are to one whose service is timed, since a look
// at a clock isn't free.
const measured = 16

// prompt is the average time of service from which on answers aren't held back for company,
// and a second worker may be of use.
const prompt = 5 * time.Microsecond

// worker is one goroutine of a BackQueue with its own Request.
type worker struct {
	q      *BackQueue
	r      *Request
	served uint
	timed  bool          // the present request is
	took   time.Duration // by it
	handed bool          // another was called to lead when the present request was taken
	before uint64        // requests taken by then

	inHandler bool
}

// run serves until the queue stops. The queue's lock is held except while sleeping
// and serving.
func (w *worker) run() {
	q := w.q
	defer w.lost()
	q.mu.Lock()
	for w.nextLocked() {
		if !w.takeLocked() {
			continue
		}
		q.mu.Unlock()
		ok := w.serve()
		q.mu.Lock()
		w.learnLocked()
		if !ok || w.r.orphan {
			break
		}
		q.answerLocked(w.r)
		if q.unpublished >= batch || q.service > prompt || q.serving > 0 || q.leading || w.waiting() == 0 {
			q.publishLocked()
		}
	}
	if w.r.orphan {
		q.fail(platform.ErrClosed)
	}
	q.publishLocked()
	q.mu.Unlock()
}

// lost is called when the goroutine ends. If that was in a handler, by runtime.Goexit or by a
// panic that isn't contained, the request has no answer, and nor has the connection.
func (w *worker) lost() {
	if !w.inHandler {
		return
	}
	w.r.reset()
	w.q.mu.Lock()
	defer w.q.mu.Unlock()
	w.q.serving--
	w.q.fail(errNoAnswer)
}

// nextLocked waits for something to do. It is false when the queue stops.
func (w *worker) nextLocked() bool {
	q := w.q
	for !q.stopped && w.waiting() == 0 {
		switch {
		case q.unpublished > 0:
			q.publishLocked()
		case q.leading:
			q.parked++
			q.idle.Wait()
			q.parked--
			q.awokenLocked()
		default:
			w.lead()
		}
	}
	return !q.stopped
}

// waiting is how many requests wait.
func (w *worker) waiting() int {
	n, err := w.q.cfg.Ring.Requests()
	if err != nil {
		w.q.fail(&ProtocolError{Field: "request producer", Err: err})
		return 0
	}
	return n
}

// takeLocked copies the next request out of the ring, once.
func (w *worker) takeLocked() bool {
	q := w.q
	n := w.waiting()
	if q.stopped || n == 0 {
		return false
	}
	q.cfg.Ring.Take(w.r.slot)
	if q.serving++; q.serving > 1 {
		q.company.came()
	}
	w.timed = w.served%measured == 0 || q.service > prompt
	alone := q.canCallLocked()
	q.watchdog.took(alone || q.unpublished > 0)
	if w.handed = alone && q.worthLocked(n-1); w.handed {
		w.before = q.watchdog.taken
		if q.parked > 0 && w.before%measured == 0 {
			q.called = now()
		}
		q.callFollowerLocked()
	}
	return true
}

// learnLocked notes how long the request took, and whether others have come meanwhile.
// Those that were taken already have been noted by who took them.
func (w *worker) learnLocked() {
	q := w.q
	q.serving--
	if w.timed { // one that took much longer may have been an accident
		q.service += (min(w.took, 2*q.service+slowAfter) - q.service) / 2
	}
	switch {
	case w.handed && q.watchdog.taken == w.before:
		q.company.missed()
	case w.waiting() > 0:
		q.company.came()
	}
}

// serve runs the handler. It is false if there is no answer.
func (w *worker) serve() (ok bool) {
	var start instant
	if w.timed {
		start = now()
	}
	w.inHandler = true
	ok = w.q.handle(w.r)
	w.inHandler = false
	w.served++
	if w.timed {
		w.took = now() - start
	}
	return ok
}

// answerLocked puts a response on the ring.
func (q *BackQueue) answerLocked(r *Request) {
	q.cfg.Ring.Put(r.rsp[:r.size])
	if q.cfg.Fill {
		q.cfg.Ring.ZeroRest(r.size)
	}
	q.unpublished++
}

// publishLocked makes answers visible and notifies the front end if it asked for that;
// the lock isn't held meanwhile.
func (q *BackQueue) publishLocked() {
	if q.pushLocked() {
		q.mu.Unlock()
		q.cfg.Channel.Notify()
		q.mu.Lock()
	}
}

// pushLocked makes answers visible. It reports whether the front end wants to be
// notified.
func (q *BackQueue) pushLocked() (notify bool) {
	if q.unpublished == 0 {
		return false
	}
	q.unpublished = 0
	return q.cfg.Ring.Push()
}

// lead waits for a request: spins, then arms the notification, looks once more and
// sleeps. It is entered and left with the lock, and doesn't hold it meanwhile.
func (w *worker) lead() {
	q := w.q
	q.leading = true
	b := q.patience.budget()
	for b.left() && !q.stopped && w.waiting() == 0 {
		q.mu.Unlock()
		q.mu.Lock()
	}
	switch {
	case q.stopped:
	case w.waiting() > 0:
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
