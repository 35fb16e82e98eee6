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
}

// Queue is the front end's side of one ring, across connections. Its methods may
// be called by any number of goroutines at once.
type Queue struct {
	base     int
	txns     []Txn
	cfg      Config
	slots    chan struct{} // cap 1: a transaction or pages came free, or the link changed
	role     chan struct{} // cap 1: the pump is wanted
	patience *patience
	stop     chan struct{} // closed when the queue is

	// sleeper is set while somebody has the role of waiting for the peer's events.
	sleeper atomic.Bool

	mu       sync.Mutex
	free     []uint32 // ids, last in first out
	waiters  int      // goroutines waiting on slots
	news     uint64   // causes for them to look again, so far
	unheard  int      // waiters that haven't looked since the last
	link     *Link    // nil while disconnected
	cause    error    // terminal, nil while the queue is open
	stranded error    // why there is nobody to send to, although others have
	held     bool     // nothing more goes on this connection's ring
	starved  bool     // a queued transaction waits for pages
	head     *Txn     // queued, not on the ring: oldest first
	tail     *Txn
	inflight int  // on the ring
	finished *Txn // ended, not yet delivered: newest first
	scratch  []byte
}

// NewQueue makes a disconnected queue. It cannot fail.
func NewQueue(cfg Config) *Queue {
	q := &Queue{
		base: cfg.Base, cfg: cfg,
		txns:     make([]Txn, cfg.Depth),
		slots:    make(chan struct{}, 1),
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
		t.err, t.over = cause, true
		q.mu.Unlock()
		t.finish()
		return
	}
	q.enqueue(t)
	notify := q.push()
	done := q.takeFinished()
	q.mu.Unlock()
	q.deliver(notify, done)
}

// enqueue appends t to the queued ones.
func (q *Queue) enqueue(t *Txn) {
	t.next, t.queued = nil, true
	if q.tail == nil {
		q.head = t
	} else {
		q.tail.next = t
	}
	q.tail = t
}

// dequeue removes the oldest queued transaction.
func (q *Queue) dequeue() *Txn {
	t := q.head
	q.head = t.next
	if q.head == nil {
		q.tail = nil
	}
	t.next, t.queued = nil, false
	return t
}

// push puts queued transactions on the ring, as many as fit, and publishes them.
// It returns the link whose peer has to be notified.
func (q *Queue) push() *Link {
	l := q.link
	if l == nil || q.head == nil || q.held {
		return nil
	}
	put, starved := 0, (*Txn)(nil)
	for q.head != nil && l.Ring.Free() > 0 {
		t := q.dequeue()
		if pagesOf(len(t.user)) > l.MaxSegments {
			q.end(t, ErrTooLong) // replayed, and there may never be so many pages here
			continue
		}
		if q.ready(t, l) {
			put += q.put(t, l)
			continue
		}
		t.next, t.queued, starved = starved, true, t
	}
	q.requeue(starved)
	if put > 0 && l.Ring.Push() {
		return l
	}
	return nil
}

// requeue puts those that found no pages back in front, in their order. While there
// are any, nobody else is given pages, so that they get theirs.
func (q *Queue) requeue(starved *Txn) {
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

// ready makes sure that t's pages belong to this connection. It is false while
// the pool has none left for it.
func (q *Queue) ready(t *Txn, l *Link) bool {
	if t.link == l {
		return true
	}
	t.unlend()
	if !t.lend(l, q.cfg.Alignment) {
		return false
	}
	t.send()
	return true
}

// put encodes t into the next slot. A buffer that the new connection can't carry
// ends its transaction here.
func (q *Queue) put(t *Txn, l *Link) int {
	if len(t.segs) > l.MaxSegments {
		q.end(t, ErrTooLong)
		return 0
	}
	t.encode(t)
	if err := t.rejected; err != nil {
		t.rejected = nil
		q.end(t, err)
		return 0
	}
	l.Ring.Put(t.slot[:t.used])
	if l.Fill {
		l.Ring.ZeroRest(t.used)
	}
	t.onRing = true
	q.inflight++
	return 1
}

// end gives t its outcome; deliver makes it known when the lock is free.
func (q *Queue) end(t *Txn, err error) {
	t.err, t.onRing, t.over = err, false, true
	t.next = q.finished
	q.finished = t
}

// unqueue takes t, which is queued, out of the line. The others keep their order.
func (q *Queue) unqueue(t *Txn) {
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
	t.next, t.queued = nil, false
}

// retire makes t free again. The lock is held.
func (q *Queue) retire(t *Txn) {
	t.unlend()
	t.user, t.encode, t.done = nil, nil, nil
	t.abandoned, t.over = false, false
	q.free = append(q.free, t.index)
	q.nudge()
}

// takeFinished returns the transactions that ended, newest first.
func (q *Queue) takeFinished() *Txn {
	t := q.finished
	q.finished = nil
	return t
}

// deliver does what must be done without the lock: notify the peer, wake waiters,
// call back.
func (q *Queue) deliver(notify *Link, t *Txn) {
	if notify != nil {
		notify.Channel.Notify()
	}
	for t = oldestFirst(t); t != nil; {
		next := t.next
		t.next = nil
		q.outcome(t)
		t = next
	}
}

// outcome delivers one transaction's end, or retires it if nobody waits any more.
func (q *Queue) outcome(t *Txn) {
	if t.abandoned { // set and read under mu before t was finished
		t.End()
		return
	}
	t.finish()
}

func oldestFirst(t *Txn) (first *Txn) {
	for t != nil {
		next := t.next
		t.next = first
		first, t = t, next
	}
	return first
}
