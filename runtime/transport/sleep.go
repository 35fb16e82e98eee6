package transport

// attend makes sure that somebody looks for responses while transactions are under
// way and their callers don't.
func (q *Queue) attend() {
	if q.cfg.Polled || q.sleeper.Load() {
		return // whoever sleeps calls attend again before it leaves
	}
	select {
	case q.role <- struct{}{}:
	default:
	}
}

// sleep makes the calling goroutine the one that waits for the peer's events,
// until t has ended: one wake-up between the event and the caller. It is false when
// another goroutine has that role or the link went away.
func (q *Queue) sleep(t *Txn) bool {
	if !q.sleeper.CompareAndSwap(false, true) {
		return false
	}
	defer q.leave()
	for t.caller.Load() != settled {
		if !q.doze() {
			return t.caller.Load() == settled
		}
	}
	return true
}

// leave gives the sleeper's role up, to the pump if anything is still under way.
func (q *Queue) leave() {
	q.sleeper.Store(false)
	if q.busy() {
		q.attend()
	}
}

func (q *Queue) busy() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.link != nil && (q.inflight > 0 || q.waiting.any())
}

// doze arms the notification, looks once more, and sleeps until the peer notifies.
// It is false when there is no link to wait on.
func (q *Queue) doze() bool {
	q.mu.Lock()
	l := q.link
	if l == nil || l.failed.Load() {
		q.mu.Unlock()
		return false
	}
	pending, err := l.Ring.Arm()
	if pending {
		q.drainAndUnlock()
		return true
	}
	q.mu.Unlock()
	if err != nil { // even with nothing under way, when drain doesn't look
		l.fail(&ProtocolError{Field: "response producer", Err: err})
		return false
	}
	if err := l.Channel.Wait(); err != nil {
		l.fail(err)
		return false
	}
	q.Poll()
	return true
}

// Pump serves transactions that nobody waits for in person: asynchronous ones, and
// those whose callers may be cancelled. It returns when the queue is closed. The
// endpoint runs it on a goroutine of its own.
func (q *Queue) Pump() {
	for {
		select {
		case <-q.role:
		case <-q.stop:
			return
		}
		if !q.sleeper.CompareAndSwap(false, true) {
			continue
		}
		for q.busy() && q.linger() {
		}
		q.sleeper.Store(false)
		if q.alive() && q.busy() {
			q.attend()
		}
	}
}

// alive reports whether the link can still bring events.
func (q *Queue) alive() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.link != nil && !q.link.failed.Load()
}

// linger polls for the spin budget and then dozes.
func (q *Queue) linger() bool {
	b := q.patience.budget()
	for b.left() {
		if q.Poll() > 0 {
			q.patience.paid()
			return true
		}
	}
	q.patience.wasted(b)
	return q.doze()
}
