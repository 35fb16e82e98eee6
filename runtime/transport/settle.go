package transport

import "runtime/debug"

// todo is what must be done without the queue's lock.
type todo struct {
	notify   *Link // its peer asked to be told
	finished *Txn  // newest first
	later    *later
	attend   bool // something was sent that nobody looks after yet
}

// later is something rare that is to be done without the lock, and what before it.
type later struct {
	f      func()
	before *later
}

// settleLocked goes on with everything that a change of the queue makes possible: what
// is queued is sent, and who waits for a transaction gets one. It returns what is to be
// done when the lock is free.
func (q *Queue) settleLocked() (t todo) {
	if q.head != nil {
		idle := q.inflight == 0
		t.notify = q.pushLocked()
		t.attend = idle && q.inflight > 0
	}
	if q.waiting.any() {
		q.admitLocked()
	}
	if q.finished != nil {
		t.finished, q.finished = q.finished, nil
	}
	if q.later != nil {
		t.later, q.later = q.later, nil
	}
	return t
}

// quietLocked reports whether settleLocked would find nothing.
func (q *Queue) quietLocked() bool {
	return q.head == nil && !q.waiting.any() && q.finished == nil && q.later == nil
}

// laterLocked has f, if there is any, called when the lock is free.
func (q *Queue) laterLocked(f func()) {
	if f != nil {
		q.later = &later{f, q.later}
	}
}

// do does what settleLocked returned: it notifies the peer, and makes outcomes known,
// the oldest first.
func (q *Queue) do(t todo) {
	if t.notify != nil {
		t.notify.Channel.Notify()
	}
	if t.attend {
		q.attend()
	}
	if t.finished != nil {
		for rest := oldestFirst(t.finished); rest != nil; {
			q.deliver(&rest)
		}
	}
	for l := t.later; l != nil; l = l.before {
		l.f()
	}
}

// deliver delivers outcomes. Users are called back, which may be on anybody's goroutine: so a
// panic of theirs ends here, with the rest still to be delivered.
func (q *Queue) deliver(rest **Txn) {
	if q.cfg.Panicked != nil {
		defer q.contain()
	}
	for t := *rest; t != nil; t = *rest {
		*rest, t.next = t.next, nil
		if t.abandoned { // set under the lock before t was over, and not changed since
			t.End()
		} else {
			t.finish()
		}
	}
}

// contain reports a panic. It is deferred.
func (q *Queue) contain() {
	if v := recover(); v != nil {
		q.cfg.Panicked(v, debug.Stack())
	}
}

func oldestFirst(t *Txn) (first *Txn) {
	for t != nil {
		next := t.next
		t.next = first
		first, t = t, next
	}
	return first
}
