package transport

import (
	"context"
	"runtime"

	"github.com/xenidc/idc/runtime/shm"
)

// Begin takes a transaction whose bulk data is user, sent or received as dir says;
// user may be empty, and gets at most so many segments. It waits while there is no
// free transaction, while the pages for user are taken, and, if there is bulk data,
// while the queue is disconnected. Those who wait are served in the order in which they
// came. ctx is honoured; with [NoWait] it fails at once. user is lent until the
// transaction's end, whatever that is: the peer may see what it holds, and change it.
func (q *Queue) Begin(ctx context.Context, user []byte, dir Direction, segments int) (*Txn, error) {
	w := want{user, dir, segments}
	q.mu.Lock()
	t, err := q.tryLocked(w)
	q.mu.Unlock()
	if t == nil && err == nil {
		t, err = q.await(ctx, w)
	}
	if t != nil {
		t.send()
	}
	return t, err
}

// want is what a caller of Begin asks for.
type want struct {
	user     []byte
	dir      Direction
	segments int
}

// tryLocked takes a transaction for a newcomer, or returns nothing if that isn't
// possible now without overtaking somebody.
func (q *Queue) tryLocked(w want) (*Txn, error) {
	if q.waiting.line(w).head != nil {
		return nil, nil
	}
	return q.acquireLocked(w)
}

// acquireLocked takes a transaction and lends its buffer, or returns nothing if that
// isn't possible now.
func (q *Queue) acquireLocked(w want) (t *Txn, err error) {
	bulk := len(w.user) > 0
	switch {
	case q.cause != nil:
		return nil, q.cause
	case q.stranded != nil: // nobody will send it
		return nil, q.stranded
	case len(q.free) == 0, bulk && (q.link == nil || q.starved):
		return nil, nil
	case bulk && pagesOf(len(w.user)) > min(w.segments, q.link.MaxSegments):
		return nil, ErrTooLong
	}
	t = &q.txns[q.free[len(q.free)-1]]
	t.user, t.dir, t.most = w.user, w.dir, w.segments
	if q.link != nil && !t.lendLocked(q.link) {
		if !t.fitsLocked(q.link) {
			err = ErrTooLong
		}
		t.user = nil
		return nil, err
	}
	q.free = q.free[:len(q.free)-1]
	t.phase = begun
	return t, nil
}

// await waits for a transaction in its turn.
func (q *Queue) await(ctx context.Context, w want) (*Txn, error) {
	looks := 1
	if q.cfg.Polled {
		looks = patientLooks
	}
	for range looks {
		if q.Poll() == 0 && looks > 1 && ctx.Err() == nil {
			continue
		}
		q.mu.Lock()
		t, err := q.tryLocked(w)
		q.mu.Unlock()
		if t != nil || err != nil {
			return t, err
		}
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
	}
	return q.lineUp(ctx, w)
}

// patientLooks is how often a caller that polls looks for a free transaction before it
// stands in line, which costs more than a look.
const patientLooks = 64

// lineUp waits in line.
func (q *Queue) lineUp(ctx context.Context, w want) (*Txn, error) {
	q.mu.Lock()
	t, err := q.tryLocked(w)
	if t != nil || err != nil {
		q.mu.Unlock()
		return t, err
	}
	x := q.waiting.add(w)
	q.mu.Unlock()
	if q.cfg.Polled {
		q.pollFor(ctx, x)
	} else {
		q.attend()
		select {
		case <-x.served:
		case <-ctx.Done():
		}
	}
	return q.collectTurn(ctx, x)
}

// pollFor polls until x was served or ctx is done.
func (q *Queue) pollFor(ctx context.Context, x *waiter) {
	for len(x.served) == 0 && ctx.Err() == nil {
		if q.Poll() == 0 {
			runtime.Gosched() // what it waits for may need this CPU
		}
	}
}

// collectTurn returns what x got, or the cause of ctx.
func (q *Queue) collectTurn(ctx context.Context, x *waiter) (*Txn, error) {
	q.mu.Lock()
	t, err := x.t, x.err
	left := t == nil && err == nil
	if left {
		q.waiting.remove(x)
	}
	q.waiting.put(x)
	todo := q.settleLocked() // who stood behind it may have its turn now
	q.mu.Unlock()
	q.do(todo)
	if left {
		err = q.explain(context.Cause(ctx))
	}
	return t, err
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
	if _, off, ok := l.Buffers.Find(user); !ok {
		pages := l.Pool.Size()
		most = min(segments, max(1, pages-q.listPages(pages))) * shm.PageSize
	} else if segments > 1 && off%perPageUnit(q.cfg.Alignment) == 0 {
		most -= off
	}
	return min(len(user), most)
}
