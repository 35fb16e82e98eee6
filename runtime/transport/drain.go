package transport

// Poll completes every transaction whose response is there and returns how many
// it did. It never sleeps.
func (q *Queue) Poll() int {
	q.mu.Lock()
	return q.drain()
}

// tryPoll is Poll for a spinner: it gives way to whoever holds the lock, since
// that one drains as well or will be done soon.
func (q *Queue) tryPoll() {
	if q.mu.TryLock() {
		q.drain()
	}
}

// drain takes all responses off the ring, then delivers them. It is entered with
// the lock and leaves without.
func (q *Queue) drain() int {
	n, bad := q.collect()
	var notify *Link
	if n > 0 {
		notify = q.push()
	}
	done, link := q.takeFinished(), q.link
	q.mu.Unlock()
	q.deliver(notify, done)
	if bad != nil {
		link.fail(bad)
	}
	return n
}

// collect takes responses off the ring and ends their transactions.
func (q *Queue) collect() (taken int, err error) {
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
			if err := q.accept(l); err != nil {
				return taken, err
			}
			taken++
		}
	}
}

// accept couples the next response with its transaction. The peer can name any id:
// one that isn't on the ring ends the link.
func (q *Queue) accept(l *Link) error {
	rsp := q.scratch[:l.Wire.Response]
	l.Ring.Take(rsp)
	id := l.Wire.ResponseID.get(rsp)
	if id >= uint64(len(q.txns)) || !q.txns[id].onRing {
		return &ProtocolError{Field: "response id", Value: id}
	}
	t := &q.txns[id]
	t.rsp = t.rsp[:copy(t.rsp[:cap(t.rsp)], rsp)]
	t.abi = l.ABI
	q.inflight--
	q.end(t, nil)
	return nil
}
