package transport

import (
	"context"
	"errors"
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
	for t.state.Load() != ended {
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
	for i := 1; t.state.Load() != ended; i++ {
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
	if !t.state.CompareAndSwap(running, parked) {
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
// nil when t has ended meanwhile. asleep says whether the caller announced itself
// as parked.
func (q *Queue) abandon(t *Txn, asleep bool, cause error) error {
	q.mu.Lock()
	if t.over { // its outcome is on the way
		q.mu.Unlock()
		q.settle(t, asleep)
		return nil
	}
	if t.queued { // not sent, or not sent again
		q.withdraw(t)
		return cause
	}
	defer q.mu.Unlock()
	t.abandoned = true
	if len(t.user) > 0 && len(t.pages) == 0 {
		return errors.Join(cause, ErrStillLent)
	}
	t.user = nil
	return cause
}

// withdraw frees t, which is queued. Others may have waited behind it for pages. It
// is entered with the lock and leaves without.
func (q *Queue) withdraw(t *Txn) {
	q.unqueue(t)
	q.retire(t)
	q.starved = false
	notify := q.push()
	done := q.takeFinished()
	q.mu.Unlock()
	q.deliver(notify, done)
}

// settle waits for an outcome that another goroutine is delivering.
func (q *Queue) settle(t *Txn, asleep bool) {
	if asleep || t.state.CompareAndSwap(running, parked) {
		<-t.wake
	}
}
