package transport

import "time"

// A worker that serves a request leaves the ring alone. Whether another should look
// after it meanwhile is decided in two ways, so that a quick handler costs no wake-up and
// a slow one delays nobody:
//
//   - when a request is taken, from experience: if what waits will take longer than to
//     wake a worker, or if handlers are slow and more requests are likely to come;
//   - later, by the watchdog: if the handler turned out to be slow.

// slowAfter is the least time that a worker has to gain for another to be called when a
// request is taken. Where waking a goroutine costs more, as under a hypervisor whose
// virtual CPUs have to share, it is twice that, as measured; but see mostWake.
const slowAfter = 20 * time.Microsecond

// mostWake bounds what one wake-up is taken to cost: it may have been an accident.
const mostWake = 500 * time.Microsecond

// watchEvery is how often the watchdog looks; a handler that takes longer than one or two
// of them doesn't keep others waiting, nor answers from going out. quietLooks is after how
// many looks that found nothing new it ends: requests that come more often find it
// running. Every look wakes a thread, so there aren't many.
const (
	watchEvery = 500 * time.Microsecond
	quietLooks = 4
)

// watchdog looks after a ring whose workers can't, because all that were awake are busy
// in handlers that turned out to be slow. Then it has another worker lead, and
// publishes answers that were held back for company. A worker starts it when it
// takes a request, if it isn't on:
//
//	off ◄──quietLooks without a request── on ─┐
//	 └───────────── take ────────────────►  ◄─┘ watchEvery
//
// So a request costs no wake-up and no timer while they come often, and an idle ring
// costs nothing. The BackQueue's lock guards it.
type watchdog struct {
	timer *time.Timer
	on    bool
	taken uint64 // requests, so far
	seen  uint64 // of them, at the last look
	quiet int    // looks since then
}

// took notes that a request was taken; wanted says that it may need looking after.
func (w *watchdog) took(wanted bool) {
	w.taken++
	if wanted && !w.on {
		w.on, w.quiet = true, 0
		w.timer.Reset(watchEvery)
	}
}

// look is called by the timer.
func (q *BackQueue) look() {
	q.mu.Lock()
	w := &q.watchdog
	if q.stopped {
		q.mu.Unlock()
		return
	}
	notify := false
	if w.quiet++; w.seen != w.taken {
		w.seen, w.quiet = w.taken, 0
	} else if q.serving > 0 {
		notify = q.pushLocked()
		q.callFollowerLocked()
	}
	if w.on = w.quiet < quietLooks; w.on {
		w.timer.Reset(watchEvery)
	}
	if notify {
		q.running.Add(1) // Stop waits for us, as it does for workers, which it hasn't yet
	}
	q.mu.Unlock()
	if notify {
		q.cfg.Channel.Notify()
		q.running.Done()
	}
}

// callFollowerLocked lets another worker lead, if nobody does and there may be one more.
func (q *BackQueue) callFollowerLocked() {
	switch {
	case q.leading || q.stopped:
	case q.parked > 0:
		q.idle.Signal()
	case q.started < q.cfg.Workers:
		q.startLocked()
	}
}

// canCallLocked reports whether callFollowerLocked would find one.
func (q *BackQueue) canCallLocked() bool {
	return !q.leading && (q.parked > 0 || q.started < q.cfg.Workers)
}

// company remembers whether requests come while others are served. A front end that
// has one request under way at a time never sends another meanwhile, and to wake a
// worker for it would be all cost. It need not be tried to be found out: whoever has
// served sees whether something has come.
type company struct{ credit int }

// fullCompany is how many times nobody came until none is expected.
const fullCompany = 8

func (c *company) expected() bool { return c.credit > 0 }

// came says that a request came while another was served.
func (c *company) came() { c.credit = fullCompany }

// missed says that a worker was called and had nothing to do.
func (c *company) missed() { c.credit = max(c.credit-1, 0) }

// worthLocked reports whether another worker should lead while a request is served, of
// which there are waiting more.
func (q *BackQueue) worthLocked(waiting int) bool {
	if q.service < prompt { // two would only be in each other's way
		return false
	}
	gain := q.service * time.Duration(waiting)
	if waiting == 0 && q.company.expected() {
		gain = q.service
	}
	return gain > max(slowAfter, 2*q.wake)
}

// awokenLocked measures what it took to wake the worker that calls it, if one was called.
func (q *BackQueue) awokenLocked() {
	if q.called == 0 {
		return
	}
	q.wake += (min(now()-q.called, mostWake) - q.wake) / 8
	q.called = 0
}
