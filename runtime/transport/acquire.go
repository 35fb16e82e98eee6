package transport

import (
	"context"

	"github.com/xenidc/idc/runtime/shm"
)

// Begin takes a transaction whose bulk data is user, sent or received as dir says;
// user may be empty, and gets at most so many segments. It waits while there is no
// free transaction, while the pages for user are taken, and, if there is bulk data,
// while the queue is disconnected. ctx is honoured; with [NoWait] it fails at once.
// user is lent until the transaction's end, whatever that is.
func (q *Queue) Begin(ctx context.Context, user []byte, dir Direction, segments int) (*Txn, error) {
	for {
		q.mu.Lock()
		t, err := q.acquire(user, dir, segments)
		if t == nil && err == nil {
			q.waiters++
		}
		q.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if t != nil {
			t.send()
			return t, nil
		}
		if err := q.await(ctx); err != nil {
			return nil, err
		}
	}
}

// acquire takes a transaction and lends user, or returns nothing if that isn't
// possible now.
func (q *Queue) acquire(user []byte, dir Direction, segments int) (*Txn, error) {
	switch {
	case q.cause != nil:
		return nil, q.cause
	case len(q.free) == 0, len(user) > 0 && (q.link == nil || q.starved):
		return nil, nil
	case len(user) > 0 && pagesOf(len(user)) > min(segments, q.link.MaxSegments):
		return nil, ErrTooLong
	}
	t := &q.txns[q.free[len(q.free)-1]]
	t.user, t.dir, t.most = user, dir, segments
	if q.link != nil && !t.lend(q.link, q.cfg.Alignment) {
		t.user = nil
		return nil, nil
	}
	q.free = q.free[:len(q.free)-1]
	return t, nil
}

// Carry returns how many bytes from the start of user one request can carry in so
// many segments, without copying where that is possible. It is 0 while the queue is
// disconnected.
func (q *Queue) Carry(user []byte, segments int) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.link
	if l == nil {
		return 0
	}
	segments = min(segments, l.MaxSegments)
	most := segments * shm.PageSize
	if _, off, ok := l.Buffers.Find(user); ok && segments > 1 && off%perPageUnit(q.cfg.Alignment) == 0 {
		most -= off
	}
	return min(len(user), most)
}

// await waits until something came free. It counts among the waiters on entry.
func (q *Queue) await(ctx context.Context) error {
	defer q.unawait()
	if q.Poll() > 0 {
		return nil
	}
	if q.cfg.Polled {
		return context.Cause(ctx)
	}
	q.attend()
	select {
	case <-q.slots:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (q *Queue) unawait() {
	q.mu.Lock()
	q.waiters--
	q.nudge() // one token stands for any number of causes: pass it on
	q.mu.Unlock()
}

// nudge lets one goroutine that waits in Begin look again.
func (q *Queue) nudge() {
	if q.waiters == 0 {
		return
	}
	select {
	case q.slots <- struct{}{}:
	default:
	}
}

// release frees t.
func (q *Queue) release(t *Txn) {
	q.mu.Lock()
	q.retire(t)
	notify := q.push() // something may have waited for the pages
	done := q.takeFinished()
	q.mu.Unlock()
	q.deliver(notify, done)
}
