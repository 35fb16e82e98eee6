package store

import (
	"sync"
)

const (
	// maxWatchEvents is how many events of one watch wait for a slow client before they
	// become one, for the watched path.
	maxWatchEvents = 64
	// maxEvents is how many events of a session may wait before each further watch has
	// only one.
	maxEvents = 1024
	// batch is about how many bytes are written to a client at once.
	batch = 16 << 10
)

// queue holds what a session has yet to send: replies and events in their order. It
// is bounded: replies by Quota.Outstanding, since no further request is read until
// there is room; events by merging.
//
//	server, under its lock -> reply, event -> items -> fill -> writer goroutine -> conn
//
// Its lock is taken under the server's, never the other way round.
type queue struct {
	ready chan struct{} // cap 1: there are items
	done  chan struct{} // closed by close
	room  *sync.Cond    // unsent fell, or closed

	mu     sync.Mutex
	items  []item
	unsent int // replies queued or being written
	events map[eventKey]struct{}
	closed bool
}

// item is a reply, or an event when w isn't nil.
type item struct {
	msg  []byte
	w    *watch
	path string
}

type eventKey struct {
	w    *watch
	path string
}

func newQueue() *queue {
	q := &queue{
		ready:  make(chan struct{}, 1),
		done:   make(chan struct{}),
		events: map[eventKey]struct{}{},
	}
	q.room = sync.NewCond(&q.mu)
	return q
}

func (q *queue) push(it item) {
	q.items = append(q.items, it)
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// reply queues a whole message.
func (q *queue) reply(msg []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.unsent++
		q.push(item{msg: msg})
	}
}

// event queues an event of w for path. The same event waiting already tells enough.
func (q *queue) event(w *watch, path string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || w.collapsed {
		return
	}
	if len(path)+len(w.token)+2 > MaxPayload {
		path = w.path // which fits: the request that set the watch held both
	}
	if _, dup := q.events[eventKey{w, path}]; dup {
		return
	}
	if w.pending >= maxWatchEvents || len(q.events) >= maxEvents {
		q.forget(w)
		w.collapsed = true
		path = w.path
	}
	w.pending++
	q.events[eventKey{w, path}] = struct{}{}
	q.push(item{w: w, path: path})
}

// forget drops the events of w.
func (q *queue) forget(w *watch) {
	w.collapsed = false
	if w.pending == 0 {
		return
	}
	kept := q.items[:0]
	for _, it := range q.items {
		if it.w != w {
			kept = append(kept, it)
			continue
		}
		delete(q.events, eventKey{w, it.path})
	}
	clear(q.items[len(kept):])
	q.items = kept
	w.pending = 0
}

// drop is forget for a watch that ends.
func (q *queue) drop(w *watch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.forget(w)
}

// fill appends the next messages to buf, about batch bytes of them. It returns how
// many replies are among them; the caller tells sent when they are written.
func (q *queue) fill(buf []byte) ([]byte, int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	replies, n := 0, 0
	for ; n < len(q.items) && len(buf) < batch; n++ {
		it := &q.items[n]
		if it.w == nil {
			buf = append(buf, it.msg...)
			replies++
			continue
		}
		buf = q.take(buf, it)
	}
	rest := copy(q.items, q.items[n:])
	clear(q.items[rest:])
	q.items = q.items[:rest]
	return buf, replies
}

// take appends an event that leaves the queue.
func (q *queue) take(buf []byte, it *item) []byte {
	w := it.w
	delete(q.events, eventKey{w, it.path})
	w.pending--
	if it.path == w.path {
		w.collapsed = false
	}
	return appendMessage(buf, TypeWatchEvent, 0, 0, unrelative(it.path, w.prefix), "\x00", w.token, "\x00")
}

func (q *queue) sent(replies int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.unsent -= replies
	q.room.Broadcast()
}

// waitRoom blocks until fewer than limit replies are unsent (no limit when 0). It
// reports false when the queue is closed.
func (q *queue) waitRoom(limit int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for limit != 0 && q.unsent >= limit && !q.closed {
		q.room.Wait()
	}
	return !q.closed
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.closed = true
	q.items = nil
	q.events = map[eventKey]struct{}{}
	close(q.done)
	q.room.Broadcast()
}

func (q *queue) isClosed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}
