package store

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// maxPending is how many different paths wait in a Watch before they become one event
// for the watch's own path. A peer that rewrites its nodes without end must not make
// us grow (XSA-349).
const maxPending = 64

// Watch tells of changes at a path and below. Events for the same path that nobody
// has taken yet are merged, and when more than 64 paths are pending they become one
// event for the watched path itself: so an event means "look at this path and below".
//
// The first event comes at once, whether or not the path exists.
type Watch struct {
	c     *Client
	path  string
	token string
	ready chan struct{} // cap 1

	mu      sync.Mutex
	pending []string // in order of arrival, no two the same
	err     error    // set once no more events come
}

// Watch starts watching path, which may be relative (then so are the events' paths) or
// one of the special names IntroduceDomain and ReleaseDomain.
func (c *Client) Watch(ctx context.Context, path string) (*Watch, error) {
	if strings.IndexByte(path, 0) >= 0 {
		return nil, &Error{TypeWatch, path, syscall.EINVAL}
	}
	w := &Watch{c: c, path: path, ready: make(chan struct{}, 1)}
	// Known before it is set: with the kernel's device the first event may precede the OK.
	if err := c.addWatch(w); err != nil {
		return nil, err
	}
	undo := func(string) { c.unwatch(w) }
	_, err := c.do(ctx, TypeWatch, NoTx, path, undo, path, "\x00", w.token, "\x00")
	if err != nil {
		c.dropWatch(w)
		return nil, err
	}
	return w, nil
}

func (c *Client) addWatch(w *Watch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return c.cause
	}
	c.lastTok++
	w.token = strconv.FormatUint(c.lastTok, 10)
	c.watches[w.token] = w
	return nil
}

// dropWatch forgets w; it reports whether it was known.
func (c *Client) dropWatch(w *Watch) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.watches[w.token] == w
	delete(c.watches, w.token)
	return known
}

func (c *Client) unwatch(w *Watch) {
	c.detach(TypeUnwatch, NoTx, w.path, "\x00", w.token, "\x00")
}

// Path is what is watched, as given to Client.Watch.
func (w *Watch) Path() string { return w.path }

// Next waits for the next event and returns its path, which a server that lies may
// have made up. After the watch's or the connection's end it returns what is pending,
// then the cause.
func (w *Watch) Next(ctx context.Context) (string, error) {
	for {
		path, ok, err := w.take()
		if ok || err != nil {
			return path, err
		}
		select {
		case <-w.ready:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// C receives a value when events may be pending, and when the watch has ended. Take
// them with Poll until there are none. It is for callers who wait for several things.
func (w *Watch) C() <-chan struct{} { return w.ready }

// Poll returns a pending event's path without waiting; ok is false when there is none.
// err is the cause once the watch has ended and nothing is pending.
func (w *Watch) Poll() (path string, ok bool, err error) { return w.take() }

func (w *Watch) take() (string, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pending) == 0 {
		if w.err != nil {
			w.signal()
		}
		return "", false, w.err
	}
	path := w.pending[0]
	w.pending = append(w.pending[:0], w.pending[1:]...)
	if len(w.pending) > 0 || w.err != nil {
		w.signal()
	}
	return path, true, nil
}

// Close ends the watch. It doesn't block. A blocked Next returns ErrClosed.
func (w *Watch) Close() error {
	if w.c.dropWatch(w) {
		w.c.unwatch(w)
	}
	w.end(ErrClosed)
	return nil
}

// add makes an event pending. It never blocks and keeps at most maxPending paths.
func (w *Watch) add(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return
	}
	for _, p := range w.pending {
		if p == path {
			return
		}
	}
	if len(w.pending) == maxPending {
		clear(w.pending)
		w.pending = w.pending[:0]
		path = w.path
	}
	w.pending = append(w.pending, path)
	w.signal()
}

func (w *Watch) end(cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = cause
		w.signal()
	}
}

func (w *Watch) signal() {
	select {
	case w.ready <- struct{}{}:
	default:
	}
}
