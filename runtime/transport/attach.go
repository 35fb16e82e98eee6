package transport

// Attach connects the queue to a peer: what waited is sent, what is to be replayed
// is sent again. The queue must be disconnected. freed runs when the link's pages
// are no longer needed, after its Detach.
func (q *Queue) Attach(l *Link, freed func()) {
	l.freed = freed
	l.hold()
	q.mu.Lock()
	q.link, q.stranded, q.held = l, nil, false
	notify := q.push()
	done := q.takeFinished()
	q.nudge()
	q.mu.Unlock()
	q.deliver(notify, done)
	q.attend()
}

// Hold sends nothing more on this connection, so that the peer can come to rest.
func (q *Queue) Hold() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held = true
}

// Busy reports whether the peer owes answers.
func (q *Queue) Busy() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.link != nil && q.inflight > 0
}

// Detach disconnects the queue. Transactions that were under way and may not be
// replayed end with cause; the others wait for the next Attach. The caller closes
// the channel, before or after.
func (q *Queue) Detach(cause error) {
	q.mu.Lock()
	l := q.link
	if l == nil {
		q.mu.Unlock()
		return
	}
	q.link, q.inflight = nil, 0
	for i := range q.txns {
		if t := &q.txns[i]; t.onRing {
			q.sever(t, cause)
		}
	}
	done := q.takeFinished()
	q.nudge()
	q.mu.Unlock()
	q.deliver(nil, done)
	l.drop()
}

// sever takes t off the ring of a link that is gone.
func (q *Queue) sever(t *Txn, cause error) {
	t.onRing = false
	if t.replay && !t.abandoned {
		q.enqueue(t)
		return
	}
	q.end(t, cause)
}

// Close ends the queue: everything under way or waiting ends with cause, and so
// does all that comes later. Pump returns.
func (q *Queue) Close(cause error) {
	q.Detach(cause)
	q.mu.Lock()
	if q.cause != nil {
		q.mu.Unlock()
		return
	}
	q.cause = cause
	q.expel(cause)
	close(q.stop)
}

// Strand is for a queue that gets no link on this connection, although others of the
// same endpoint do, because the peer has fewer rings than before: what waits on it
// ends with cause, and so does what comes until the next Attach.
func (q *Queue) Strand(cause error) {
	q.mu.Lock()
	q.stranded = cause
	q.expel(cause)
}

// expel ends everything that is queued. It is entered with the lock and leaves
// without.
func (q *Queue) expel(cause error) {
	for q.head != nil {
		q.end(q.dequeue(), cause)
	}
	q.starved = false
	done := q.takeFinished()
	q.nudge()
	q.mu.Unlock()
	q.deliver(nil, done)
}

// Outstanding is how many transactions are under way or queued.
func (q *Queue) Outstanding() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.inflight
	for t := q.head; t != nil; t = t.next {
		n++
	}
	return n
}
