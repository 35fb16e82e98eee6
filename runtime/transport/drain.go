package transport

// Poll completes every transaction whose response is there and returns how many
// it did. It never sleeps.
func (q *Queue) Poll() int {
	q.mu.Lock()
	return q.drainAndUnlock()
}

// tryPoll is Poll for a spinner: it gives way to whoever holds the lock, since
// that one drains as well or will be done soon.
func (q *Queue) tryPoll() {
	if q.mu.TryLock() {
		q.drainAndUnlock()
	}
}

// drainAndUnlock takes all responses off the ring, releases the lock, and delivers
// them.
func (q *Queue) drainAndUnlock() int {
	n, bad := q.collectLocked()
	if n == 0 && bad == nil {
		q.mu.Unlock()
		return 0
	}
	todo, link := q.settleLocked(), q.link
	q.mu.Unlock()
	q.do(todo)
	if bad != nil {
		link.fail(bad)
	}
	return n
}

// collectLocked takes responses off the ring and ends their transactions.
func (q *Queue) collectLocked() (taken int, err error) {
	l := q.link
	if l == nil || q.inflight == 0 || l.failed.Load() {
		return 0, nil
	}
	for {
		n, err := l.Ring.Responses()
		if err != nil {
			return taken, &ProtocolError{Field: "response producer", Err: err}
		}
		if n == 0 {
			return taken, nil
		}
		for range n {
			if err := q.acceptLocked(l); err != nil {
				return taken, err
			}
			taken++
		}
	}
}

// acceptLocked couples the next response with its transaction. The peer can name any
// id: one that isn't on the ring ends the link.
func (q *Queue) acceptLocked(l *Link) error {
	rsp := q.scratch[:l.Wire.Response]
	l.Ring.Take(rsp)
	id := l.Wire.ResponseID.get(rsp)
	if id >= uint64(len(q.txns)) || q.txns[id].phase != sent {
		return &ProtocolError{Field: "response id", Value: id}
	}
	t := &q.txns[id]
	t.rsp = t.rsp[:copy(t.rsp[:cap(t.rsp)], rsp)]
	t.abi = l.ABI
	q.inflight--
	q.endLocked(t, nil)
	return nil
}
