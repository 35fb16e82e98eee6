package transport

import (
	"context"
	"runtime"
)

// wait returns when t has ended, nil then, or when ctx is done, its cause then. It
// polls first and sleeps second.
func (q *Queue) wait(ctx context.Context, t *Txn) error {
	if q.spin(ctx, t) {
		return nil
	}
	if q.cfg.Polled {
		return q.abandon(t, false, context.Cause(ctx))
	}
	if ctx.Done() == nil && q.sleep(t) {
		return nil
	}
	q.attend()
	return q.park(ctx, t)
}

// spin polls until t has ended, or the budget is spent.
func (q *Queue) spin(ctx context.Context, t *Txn) bool {
	if q.cfg.Polled {
		return q.spinOn(ctx, t)
	}
	b := q.patience.budget()
	for t.caller.Load() != settled {
		if !b.left() {
			q.patience.wasted(b)
			return false
		}
		q.tryPoll()
	}
	q.patience.paid()
	return true
}

// spinOn polls until t has ended or ctx is done.
func (q *Queue) spinOn(ctx context.Context, t *Txn) bool {
	for i := 1; t.caller.Load() != settled; i++ {
		q.tryPoll()
		if i%spinCheck == 0 {
			if ctx.Err() != nil {
				return false
			}
			runtime.Gosched()
		}
	}
	return true
}

// park sleeps until somebody completes t or ctx is done.
func (q *Queue) park(ctx context.Context, t *Txn) error {
	if !t.caller.CompareAndSwap(awake, asleep) {
		return nil // it ended just now
	}
	select {
	case <-t.wake:
		return nil
	case <-ctx.Done():
		return q.abandon(t, true, context.Cause(ctx))
	}
}

// abandon leaves t to itself: it is taken back when the peer has answered. It is
// nil when t has ended meanwhile. sleeping says whether the caller announced itself
// as asleep.
func (q *Queue) abandon(t *Txn, sleeping bool, cause error) error {
	q.mu.Lock()
	switch t.phase {
	case over: // its outcome is on the way
		q.mu.Unlock()
		t.awaitOutcome(sleeping)
		return nil
	case queued: // not sent, or not sent again
		q.unqueueLocked(t)
		q.retireLocked(t)
		q.starved = false // others may have waited behind it for pages
		todo := q.settleLocked()
		q.mu.Unlock()
		q.do(todo)
		return q.explain(cause)
	}
	defer q.mu.Unlock()
	t.abandoned, t.ended = true, make(chan struct{})
	if t.shared == nil {
		t.user = nil // pages stand for it
	}
	return &unfinished{cause, t.shared != nil, t.ended}
}

// explain says what a request waited for that wasn't sent.
func (q *Queue) explain(cause error) error {
	if q.cfg.Explain == nil {
		return cause
	}
	return q.cfg.Explain(cause)
}

// awaitOutcome waits for an outcome that another goroutine is delivering.
func (t *Txn) awaitOutcome(sleeping bool) {
	if sleeping || t.caller.CompareAndSwap(awake, asleep) {
		<-t.wake
	}
}
