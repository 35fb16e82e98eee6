package idc

import "sync"

// callbacks calls what the user of an endpoint wants to be told, one after another and
// each outside of the endpoint's own goroutine, so that it may call anything of the
// endpoint's, Close included.
type callbacks struct {
	mu      sync.Mutex
	queue   []func()
	left    int               // in the queue or at work
	running bool              // there is a goroutine for the queue
	guard   func(call func()) // calls what the user wants called
}

// call has f called after those that are still running, if there are any. It waits for f's
// end, but neither for theirs nor, once stop is closed, for f if that began before: it may
// be what waits for us.
func (c *callbacks) call(stop <-chan struct{}, f func()) {
	if f == nil {
		return
	}
	select {
	case <-stop:
		stop = nil
	default:
	}
	done := make(chan struct{})
	if c.post(f, done) {
		return
	}
	select {
	case <-done:
	case <-stop:
	}
}

// post queues f, and reports whether others haven't returned yet. done is closed when f
// has.
func (c *callbacks) post(f func(), done chan<- struct{}) (behind bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left++
	c.queue = append(c.queue, func() {
		c.guard(f)
		c.mu.Lock()
		c.left--
		c.mu.Unlock()
		close(done)
	})
	if !c.running {
		c.running = true
		go c.run()
	}
	return c.left > 1
}

func (c *callbacks) run() {
	for f := c.next(); f != nil; f = c.next() {
		f()
	}
}

func (c *callbacks) next() (f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		c.running = false
		return nil
	}
	f = c.queue[0]
	c.queue = c.queue[1:]
	return f
}

// areRunning reports whether any hasn't returned.
func (c *callbacks) areRunning() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left > 0
}
