package transport

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// reclaimTime is how long a transaction whose connection was lost waits for shared
// memory that the platform can't take from the old peer yet.
const reclaimTime = 3 * time.Second

// Detach disconnects queues that lead to one peer. Transactions that were under way and
// may not be replayed end with cause; the others wait for the next Attach. The caller
// closes the channels, before or after.
//
// Transactions whose buffers are shared memory are over only when that was taken back
// from the peer, which may be writing to it still: it goes on as ordinary memory, with
// what it holds. Where the platform can't do that before the peer has let go, they wait
// for reclaimTime, and end with [ErrStillLent] if that isn't enough.
func Detach(cause error, queues ...*Queue) {
	lent := make([][]*Txn, len(queues))
	for i, q := range queues {
		lent[i] = q.part(cause) // nothing of any of them is taken from the peer any more
	}
	for i, q := range queues {
		if rest := q.reclaim(lent[i], cause); len(rest) > 0 {
			q.reclaims.Go(func() { q.reclaimLater(rest, cause) })
		}
	}
}

// part leaves the link. It returns the transactions whose memory the peer can reach.
func (q *Queue) part(cause error) (lent []*Txn) {
	q.mu.Lock()
	l := q.link
	if l == nil {
		q.mu.Unlock()
		return nil
	}
	q.link, q.inflight = nil, 0
	for i := range q.txns {
		switch t := &q.txns[i]; {
		case t.phase != sent:
		case t.shared != nil:
			t.phase = reclaiming
			lent = append(lent, t)
		default:
			q.takeOffLocked(t, cause)
		}
	}
	q.dropLinkLocked(l)
	todo := q.settleLocked()
	q.mu.Unlock()
	q.do(todo)
	return lent
}

// takeOffLocked decides what becomes of a transaction that was on the ring of a link
// that is gone.
func (q *Queue) takeOffLocked(t *Txn, cause error) {
	if end := cmp.Or(q.cause, q.stranded); end != nil || !t.replay || t.abandoned {
		q.endLocked(t, cmp.Or(end, cause))
		return
	}
	q.enqueueLocked(t)
}

// reclaim takes the buffers of transactions back from the peer, and takes those off the
// ring. It returns the ones whose buffers the platform can't take yet.
func (q *Queue) reclaim(lent []*Txn, cause error) (rest []*Txn) {
	rest = slices.DeleteFunc(slices.Clone(lent), func(t *Txn) bool { return t.shared.Reclaim() })
	q.mu.Lock()
	for _, t := range lent {
		if !slices.Contains(rest, t) {
			q.takeOffLocked(t, cause)
		}
	}
	todo := q.settleLocked()
	q.mu.Unlock()
	q.do(todo)
	return rest
}

// reclaimLater tries again until all are had, the queue is closed, or time is up.
func (q *Queue) reclaimLater(rest []*Txn, cause error) {
	late := time.NewTimer(reclaimTime)
	defer late.Stop()
	for pause := time.Millisecond; len(rest) > 0; pause = min(2*pause, 100*time.Millisecond) {
		again := time.NewTimer(pause)
		select {
		case <-again.C:
			rest = q.reclaim(rest, cause)
			continue
		case <-late.C:
		case <-q.stop:
		}
		again.Stop()
		q.giveUp(rest, cause)
		return
	}
}

// giveUp ends transactions whose memory the peer keeps.
func (q *Queue) giveUp(rest []*Txn, cause error) {
	q.mu.Lock()
	for _, t := range rest {
		q.endLocked(t, fmt.Errorf("%w; %w", cmp.Or(q.cause, cause), ErrStillLent))
	}
	todo := q.settleLocked()
	q.mu.Unlock()
	q.do(todo)
}
