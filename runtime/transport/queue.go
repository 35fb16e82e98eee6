package transport

import (
	"cmp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xenidc/idc/runtime/shm"
)

// Config sizes a Queue. Everything that it will ever need is allocated from it.
type Config struct {
	Base        int           // Index of the queue's first transaction
	Depth       int           // transactions, and so the largest id plus one
	SlotSize    int           // bytes of the largest request or response on any ABI
	MaxSegments int           // most segments of one request on any connection
	SegmentSize int           // bytes of a segment in a page of segments; 0 if there are none
	Direct      int           // segments that fit in the request itself
	Alignment   int           // of a segment within its page, bytes
	Spin        time.Duration // how long a waiter polls before it sleeps
	Polled      bool          // never sleep and never ask for events

	// Panicked, if set, is told of panics of what Start is given to call, which then end
	// there.
	Panicked func(v any, stack []byte)
	// Explain, if set, adds to the cause for which a caller left, whose request wasn't sent,
	// what that waited for.
	Explain func(cause error) error
}

// Queue is the front end's side of one ring, across connections. Its methods may
// be called by any number of goroutines at once.
type Queue struct {
	base     int
	txns     []Txn
	cfg      Config
	role     chan struct{} // cap 1: the pump is wanted
	patience *patience
	stop     chan struct{} // closed when the queue is
	reclaims sync.WaitGroup

	// sleeper is set while somebody has the role of waiting for the peer's events.
	sleeper atomic.Bool

	mu       sync.Mutex
	link     *Link // nil while disconnected
	cause    error // terminal, nil while the queue is open
	stranded error // why there is nobody to send to, although others have
	held     bool  // nothing more goes on this connection's ring

	free    []uint32 // ids, last in first out
	waiting waiters  // for one of them

	head     *Txn // queued: oldest first
	tail     *Txn
	starved  bool // a queued transaction waits for pages
	inflight int  // on the ring
	scratch  []byte

	// What is to be done when the lock is free; see settleLocked.
	finished *Txn // ended, not yet delivered: newest first
	later    *later
}

// NewQueue makes a disconnected queue. It cannot fail.
func NewQueue(cfg Config) *Queue {
	q := &Queue{
		base: cfg.Base, cfg: cfg,
		txns:     make([]Txn, cfg.Depth),
		role:     make(chan struct{}, 1),
		stop:     make(chan struct{}),
		free:     make([]uint32, 0, cfg.Depth),
		scratch:  make([]byte, cfg.SlotSize),
		patience: newPatience(cfg.Spin),
	}
	for i := range q.txns {
		q.txns[i] = q.newTxn(uint32(i))
		q.free = append(q.free, uint32(cfg.Depth-1-i))
	}
	return q
}

func (q *Queue) newTxn(i uint32) Txn {
	most := q.cfg.MaxSegments
	return Txn{
		q: q, index: i,
		wake:  make(chan struct{}, 1),
		slot:  make([]byte, q.cfg.SlotSize),
		rsp:   make([]byte, q.cfg.SlotSize),
		segs:  make([]Segment, 0, most),
		taken: make([]uint32, 0, most+q.listPages(most)),
	}
}

// listPages is how many pages of segments a request with n segments needs.
func (q *Queue) listPages(n int) int {
	if n <= q.cfg.Direct || q.cfg.SegmentSize == 0 {
		return 0
	}
	per := shm.PageSize / q.cfg.SegmentSize
	return (n + per - 1) / per
}

// Pages is how many pages a link's pool needs so that depth requests of segments
// each can be under way at once.
func (q *Queue) Pages(depth, segments int) int {
	return depth * (segments + q.listPages(segments))
}

// submit queues t and moves what is queued onto the ring.
func (q *Queue) submit(t *Txn) {
	q.mu.Lock()
	if cause := cmp.Or(q.cause, q.stranded); cause != nil {
		q.endLocked(t, cause)
	} else {
		q.enqueueLocked(t)
	}
	todo := q.settleLocked()
	q.mu.Unlock()
	todo.attend = false // its caller does, if need be
	q.do(todo)
}

// enqueueLocked appends t to the queued ones.
func (q *Queue) enqueueLocked(t *Txn) {
	t.next, t.phase = nil, queued
	if q.tail == nil {
		q.head = t
	} else {
		q.tail.next = t
	}
	q.tail = t
}

// dequeueLocked removes the oldest queued transaction.
func (q *Queue) dequeueLocked() *Txn {
	t := q.head
	q.head = t.next
	if q.head == nil {
		q.tail = nil
	}
	t.next = nil
	return t
}

// pushLocked puts queued transactions on the ring, as many as fit, and publishes them.
// It returns the link whose peer has to be notified.
func (q *Queue) pushLocked() *Link {
	l := q.link
	if l == nil || q.head == nil || q.held {
		return nil
	}
	put, starved := 0, (*Txn)(nil)
	for q.head != nil && l.Ring.Free() > 0 {
		t := q.dequeueLocked()
		if pagesOf(len(t.user)) > l.MaxSegments {
			q.endLocked(t, ErrTooLong) // replayed, and there may never be so many pages here
			continue
		}
		if q.readyLocked(t, l) {
			put += q.putLocked(t, l)
			continue
		}
		if !t.fitsLocked(l) {
			q.endLocked(t, ErrTooLong)
			continue
		}
		t.next, starved = starved, t
	}
	q.requeueLocked(starved)
	if put > 0 && l.Ring.Push() {
		return l
	}
	return nil
}

// requeueLocked puts those that found no pages back in front, in their order. While
// there are any, nobody else is given pages, so that they get theirs.
func (q *Queue) requeueLocked(starved *Txn) {
	q.starved = starved != nil
	for starved != nil {
		t := starved
		starved = t.next
		t.next = q.head
		if q.head = t; t.next == nil {
			q.tail = t
		}
	}
}

// readyLocked makes sure that t's pages belong to this connection. It is false while
// the pool has none left for it.
func (q *Queue) readyLocked(t *Txn, l *Link) bool {
	if t.link == l {
		return true
	}
	t.unlendLocked()
	if !t.lendLocked(l) {
		return false
	}
	t.send()
	return true
}

// putLocked encodes t into the next slot. A buffer that the new connection can't carry
// ends its transaction here.
func (q *Queue) putLocked(t *Txn, l *Link) int {
	if len(t.segs) > l.MaxSegments {
		q.endLocked(t, ErrTooLong)
		return 0
	}
	t.encode(t)
	if err := t.rejected; err != nil {
		t.rejected = nil
		q.endLocked(t, err)
		return 0
	}
	l.Ring.Put(t.slot[:t.used])
	if l.Fill {
		l.Ring.ZeroRest(t.used)
	}
	t.phase = sent
	q.inflight++
	return 1
}

// endLocked gives t its outcome; do makes it known when the lock is free.
func (q *Queue) endLocked(t *Txn, err error) {
	t.err, t.phase = err, over
	t.next = q.finished
	q.finished = t
}

// unqueueLocked takes t, which is queued, out of the line. The others keep their order.
func (q *Queue) unqueueLocked(t *Txn) {
	var before *Txn
	for x := q.head; x != t; x = x.next {
		before = x
	}
	if before == nil {
		q.head = t.next
	} else {
		before.next = t.next
	}
	if q.tail == t {
		q.tail = before
	}
	t.next = nil
}

// retireLocked makes t free again.
func (q *Queue) retireLocked(t *Txn) {
	t.unlendLocked()
	t.user, t.encode, t.done = nil, nil, nil
	if t.ended != nil {
		close(t.ended)
	}
	t.phase, t.abandoned, t.ended = free, false, nil
	q.free = append(q.free, t.index)
}

// release frees t, whose outcome was delivered.
func (q *Queue) release(t *Txn) {
	q.mu.Lock()
	q.retireLocked(t)
	if q.quietLocked() {
		q.mu.Unlock()
		return
	}
	todo := q.settleLocked()
	q.mu.Unlock()
	q.do(todo)
}
