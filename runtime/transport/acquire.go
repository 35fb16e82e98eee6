package transport

import (
	"context"
	"runtime"

	"github.com/xenidc/idc/runtime/shm"
)

// Begin takes a transaction whose bulk data is user, sent or received as dir says;
// user may be empty, and gets at most so many segments. It waits while there is no
// free transaction, while the pages for user are taken, and, if there is bulk data,
// while the queue is disconnected. ctx is honoured; with [NoWait] it fails at once.
// user is lent until the transaction's end, whatever that is.
func (q *Queue) Begin(ctx context.Context, user []byte, dir Direction, segments int) (*Txn, error) {
	q.mu.Lock()
	t, err := q.acquire(user, dir, segments)
	for t == nil && err == nil {
		heard := q.enlist()
		q.mu.Unlock()
		err = q.await(ctx)
		q.mu.Lock()
		q.delist(heard)
		if err == nil {
			t, err = q.acquire(user, dir, segments)
		}
		q.relay()
	}
	q.mu.Unlock()
	if t != nil {
		t.send()
	}
	return t, err
}

// acquire takes a transaction and lends user, or returns nothing if that isn't
// possible now.
func (q *Queue) acquire(user []byte, dir Direction, segments int) (*Txn, error) {
	switch {
	case q.cause != nil:
		return nil, q.cause
	case q.stranded != nil: // nobody will send it
		return nil, q.stranded
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

// await waits until something came free, or may have. The lock isn't held.
func (q *Queue) await(ctx context.Context) error {
	if q.Poll() > 0 {
		return nil
	}
	if q.cfg.Polled {
		runtime.Gosched() // what it waits for may need this CPU
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

// enlist counts the caller, who found nothing, among the waiters. It returns the
// news that it has heard of.
func (q *Queue) enlist() (heard uint64) {
	q.waiters++
	return q.news
}

// delist ends an enlist. The caller looks again, or doesn't want to any more.
func (q *Queue) delist(heard uint64) {
	q.waiters--
	if heard != q.news {
		q.unheard--
	}
}

// nudge lets those who wait in Begin look again, one after the other.
func (q *Queue) nudge() {
	if q.waiters == 0 {
		return
	}
	q.news++
	q.unheard = q.waiters
	q.token()
}

// relay passes a nudge on, since one token stands for any number of causes, and what
// was no use to one waiter may be to another: to each waiter that hasn't looked
// since, and no further, while there is anything to be had.
func (q *Queue) relay() {
	if q.unheard > 0 && (len(q.free) > 0 || q.cause != nil || q.stranded != nil) {
		q.token()
	}
}

func (q *Queue) token() {
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
