package transport

// todo is what must be done without the queue's lock.
type todo struct {
	notify   *Link // its peer asked to be told
	attend   bool  // something was sent that nobody looks after yet
	finished *Txn  // newest first
	later    []func()
}

// settleLocked goes on with everything that a change of the queue makes possible: what
// is queued is sent, and who waits for a transaction gets one. It returns what is to be
// done when the lock is free.
func (q *Queue) settleLocked() todo {
	idle := q.inflight == 0
	t := todo{notify: q.pushLocked()}
	t.attend = idle && q.inflight > 0
	q.admitLocked()
	t.finished, t.later = q.finished, q.later
	q.finished, q.later = nil, nil
	return t
}

// laterLocked has f, if there is any, called when the lock is free.
func (q *Queue) laterLocked(f func()) {
	if f != nil {
		q.later = append(q.later, f)
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
	for x := oldestFirst(t.finished); x != nil; {
		next := x.next
		x.next = nil
		q.outcome(x)
		x = next
	}
	for _, f := range t.later {
		f()
	}
}

// outcome delivers one transaction's end, or retires it if nobody waits any more.
func (q *Queue) outcome(t *Txn) {
	if t.abandoned { // set under the lock before t was over, and not changed since
		t.End()
		return
	}
	t.finish()
}

func oldestFirst(t *Txn) (first *Txn) {
	for t != nil {
		next := t.next
		t.next = first
		first, t = t, next
	}
	return first
}
