package transport

// waiters are the callers of Begin that wait, served in order, each by whoever makes
// that possible. There are two lines, since those with bulk data may wait for pages or
// for a connection while there are transactions for those without:
//
//	bare: 3 ─ 7 ─ 8          both want a free transaction: the lowest number is first
//	bulk: 4 ─ 5 ─ 6 ─ 9      4 also wants pages: while there are none, 3 and 7 pass
//
// Nobody new is given anything while somebody waits in the same line. The queue's lock
// guards all of it.
type waiters struct {
	bare, bulk line
	last       uint64  // number given out
	spare      *waiter // to be used again
}

// waiter is one of them. Who serves it sets t or err and then fills served.
type waiter struct {
	want
	number     uint64
	t          *Txn
	err        error
	served     chan struct{} // cap 1
	prev, next *waiter
}

type line struct{ head, tail *waiter }

// line is where a caller has to wait.
func (w *waiters) line(x want) *line {
	if len(x.user) > 0 {
		return &w.bulk
	}
	return &w.bare
}

// any reports whether somebody waits.
func (w *waiters) any() bool { return w.bare.head != nil || w.bulk.head != nil }

// add appends a waiter to its line.
func (w *waiters) add(x want) *waiter {
	n := w.spare
	if n == nil {
		n = &waiter{served: make(chan struct{}, 1)}
	} else {
		w.spare = n.next
	}
	w.last++
	l := w.line(x)
	n.want, n.number, n.prev, n.next = x, w.last, l.tail, nil
	if l.tail = n; n.prev == nil {
		l.head = n
	} else {
		n.prev.next = n
	}
	return n
}

// remove takes a waiter out of its line.
func (w *waiters) remove(n *waiter) {
	l := w.line(n.want)
	if n.prev == nil {
		l.head = n.next
	} else {
		n.prev.next = n.next
	}
	if n.next == nil {
		l.tail = n.prev
	} else {
		n.next.prev = n.prev
	}
}

// put keeps a waiter that is in no line for the next who waits.
func (w *waiters) put(n *waiter) {
	select {
	case <-n.served:
	default:
	}
	n.want, n.t, n.err, n.prev = want{}, nil, nil, nil
	n.next, w.spare = w.spare, n
}

// admitLocked serves those who wait, as far as there is something for them.
func (q *Queue) admitLocked() {
	for q.waiting.any() && q.admitOneLocked() {
	}
}

// admitOneLocked serves who came first, or, if that one waits for pages, the first who
// needs none. It is false if there is nothing for anybody.
func (q *Queue) admitOneLocked() bool {
	bare, bulk := q.waiting.bare.head, q.waiting.bulk.head
	if bulk != nil && (bare == nil || bulk.number < bare.number) && q.serveLocked(bulk) {
		return true
	}
	if bare != nil && q.serveLocked(bare) {
		return true
	}
	return bulk != nil && bare != nil && bare.number < bulk.number && q.serveLocked(bulk)
}

// serveLocked gives n what it waits for. It is false if that isn't there.
func (q *Queue) serveLocked(n *waiter) bool {
	t, err := q.acquireLocked(n.want)
	if t == nil && err == nil {
		return false
	}
	q.waiting.remove(n)
	n.t, n.err = t, err
	n.served <- struct{}{}
	return true
}
