package nbd

import "sync"

// span is a run of bytes [lo, hi) that somebody is writing.
type span struct {
	lo, hi    int64
	exclusive bool
}

// rangeLock keeps a read-modify-write of a sector apart from every other write to
// that sector; without it the old bytes would be written over new ones. Ordinary
// writes overlap each other as clients please, so they share. There is no
// fairness: a client that writes one sector without pause delays another's partial
// write to that sector, and nothing else.
//
// The list is as long as there are writes in flight. It keeps its memory, so
// that locking allocates nothing in the long run.
type rangeLock struct {
	mu      sync.Mutex
	free    sync.Cond
	active  []span
	waiting int
}

func newRangeLock() *rangeLock {
	l := &rangeLock{}
	l.free.L = &l.mu
	return l
}

// lock blocks until s conflicts with nobody, and registers it.
func (l *rangeLock) lock(s span) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.conflicts(s) {
		l.waiting++
		l.free.Wait()
		l.waiting--
	}
	l.active = append(l.active, s)
}

// unlock takes one span equal to s out.
func (l *rangeLock) unlock(s span) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, a := range l.active {
		if a == s {
			last := len(l.active) - 1
			l.active[i] = l.active[last]
			l.active = l.active[:last]
			break
		}
	}
	if l.waiting > 0 {
		l.free.Broadcast()
	}
}

func (l *rangeLock) conflicts(s span) bool {
	for _, a := range l.active {
		if (a.exclusive || s.exclusive) && a.lo < s.hi && s.lo < a.hi {
			return true
		}
	}
	return false
}
