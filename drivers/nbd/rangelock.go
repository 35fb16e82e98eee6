package nbd

import (
	"slices"
	"sync"
)

// span is a run of bytes [lo, hi) that somebody changes, or waits to.
type span struct {
	lo, hi int64
	turn   uint64 // identifies it
}

func (s span) overlaps(o span) bool { return s.lo < o.hi && o.lo < s.hi }

// rangeLock lets one change at a time into each sector. Two things need that:
//
//   - a partial sector is read, changed and written back, and must not bring back old
//     bytes of its neighbours;
//   - a client may leave while its write is under way, come back, and write the same
//     sectors again. The disk may carry out two requests in any order, so the second
//     is given to it only when the first is over.
//
// Those that wait for the same bytes get them in the order in which they asked, and
// nobody overtakes them.
//
// The list is as long as there are changes in flight. It keeps its memory, so that
// locking allocates nothing in the long run.
type rangeLock struct {
	mu      sync.Mutex
	changed sync.Cond
	turn    uint64
	spans   []span // in the order of their turns
	waiting int
}

func newRangeLock() *rangeLock {
	l := &rangeLock{}
	l.changed.L = &l.mu
	return l
}

// lock blocks until nobody who asked before has any byte of [lo, hi). What it returns
// is for unlock.
func (l *rangeLock) lock(lo, hi int64) (turn uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn++
	s := span{lo: lo, hi: hi, turn: l.turn}
	l.spans = append(l.spans, s)
	for l.blockedLocked(s) {
		l.waiting++
		l.changed.Wait()
		l.waiting--
	}
	return s.turn
}

func (l *rangeLock) unlock(turn uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.spans, func(s span) bool { return s.turn == turn })
	l.spans = slices.Delete(l.spans, i, i+1)
	if l.waiting > 0 {
		l.changed.Broadcast()
	}
}

// blockedLocked says whether an earlier span overlaps s.
func (l *rangeLock) blockedLocked(s span) bool {
	for _, earlier := range l.spans {
		if earlier.turn == s.turn {
			return false
		}
		if earlier.overlaps(s) {
			return true
		}
	}
	return false
}
