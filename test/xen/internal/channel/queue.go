package channel

import (
	"io"
	"sync"
)

// queue decouples who reads a shared line from who takes what was read, so that one
// slow taker doesn't hold up the others. It grows as it must: both sides are ours.
type queue[T any] struct {
	mu     sync.Mutex
	ready  sync.Cond
	items  []T
	closed bool
}

func newQueue[T any]() *queue[T] {
	q := &queue[T]{}
	q.ready.L = &q.mu
	return q
}

// put appends an item, unless the queue is closed.
func (q *queue[T]) put(item T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.items = append(q.items, item)
		q.ready.Signal()
	}
}

// close lets take return what is left, and then io.EOF.
func (q *queue[T]) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.ready.Broadcast()
}

// take waits for the oldest item.
func (q *queue[T]) take() (T, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) == 0 {
		if q.closed {
			var none T
			return none, io.EOF
		}
		q.ready.Wait()
	}
	item := q.items[0]
	q.items = q.items[1:]
	return item, nil
}
