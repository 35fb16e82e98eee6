package transport

// Attach connects the queue to a peer: what waited is sent, what is to be replayed
// is sent again. The queue must be disconnected. freed runs when the link's pages
// are no longer needed, after its Detach.
func (q *Queue) Attach(l *Link, freed func()) {
	l.freed, l.users = freed, 1
	q.mu.Lock()
	q.link, q.stranded, q.held = l, nil, false
	todo := q.settleLocked()
	q.mu.Unlock()
	q.do(todo)
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

// Close ends the queue: everything under way or waiting ends with cause, and so
// does all that comes later. Pump returns.
func (q *Queue) Close(cause error) {
	Detach(cause, q)
	q.mu.Lock()
	var todo todo
	if q.cause == nil {
		q.cause = cause
		todo = q.expelLocked(cause)
		close(q.stop)
	}
	q.mu.Unlock()
	q.do(todo)
	q.reclaims.Wait()
}

// Strand is for a queue that gets no link on this connection, although others of the
// same endpoint do, because the peer has fewer rings than before: what waits on it
// ends with cause, and so does what comes until the next Attach.
func (q *Queue) Strand(cause error) {
	q.mu.Lock()
	q.stranded = cause
	todo := q.expelLocked(cause)
	q.mu.Unlock()
	q.do(todo)
}

// expelLocked ends everything that is queued.
func (q *Queue) expelLocked(cause error) todo {
	for q.head != nil {
		q.endLocked(q.dequeueLocked(), cause)
	}
	q.starved = false
	return q.settleLocked()
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
