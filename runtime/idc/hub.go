package idc

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
)

// hub is what the endpoints of one domain share: a connection to the store, which is made
// anew when it was lost, and the domain as it is now. A thousand endpoints are one client
// of the store's.
type hub struct {
	given platform.Domain // as the endpoints got it

	users int // guarded by hubs

	mu      sync.Mutex
	conn    *storeConn // the latest; nil before the first
	attempt *attempt   // to connect, that is under way; nil if none
}

// storeConn is one connection to the store, and the domain that it speaks for. Both are
// for as long as the connection lives.
type storeConn struct {
	*store.Client
	dom platform.Domain
}

// attempt is one try to connect, which all who want a connection wait for.
type attempt struct {
	over chan struct{}
	conn *storeConn
	err  error
}

var hubs = struct {
	sync.Mutex
	of map[platform.Domain]*hub
}{of: map[platform.Domain]*hub{}}

// hubOf returns the hub of a domain for one more endpoint, which calls leave at its end.
func hubOf(d platform.Domain) *hub {
	hubs.Lock()
	defer hubs.Unlock()
	h := hubs.of[d]
	if h == nil {
		h = &hub{given: d}
		hubs.of[d] = h
	}
	h.users++
	return h
}

// leave ends an endpoint's use of the hub. The last one closes the connection.
func (h *hub) leave() {
	hubs.Lock()
	h.users--
	last := h.users == 0
	if last {
		delete(hubs.of, h.given)
	}
	hubs.Unlock()
	if last && h.conn != nil {
		h.conn.Close()
	}
}

// connect returns the connection, made anew if the last one was lost. Of those who call
// it at the same time one makes it, and the others share what comes of that.
func (h *hub) connect(ctx context.Context) (*storeConn, error) {
	for {
		a, mine := h.join()
		if mine {
			a.conn, a.err = h.dial(ctx)
			h.conclude(a)
			return a.conn, a.err
		}
		select {
		case <-a.over:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if a.err == nil || !errors.Is(a.err, errGivenUp) {
			return a.conn, a.err
		}
	}
}

// errGivenUp says that who tried to connect doesn't want it any more.
var errGivenUp = errors.New("given up")

// join returns the attempt to wait for, or one that the caller has to make.
func (h *hub) join() (a *attempt, mine bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.attempt != nil:
		return h.attempt, false
	case h.conn != nil && h.conn.Err() == nil:
		over := make(chan struct{})
		close(over)
		return &attempt{over: over, conn: h.conn}, false
	}
	h.attempt = &attempt{over: make(chan struct{})}
	return h.attempt, true
}

func (h *hub) conclude(a *attempt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.attempt = nil
	if a.err == nil {
		h.conn = a.conn
	}
	close(a.over)
}

// dial connects to the store, as the domain that stands in for the one that was given if
// that one has lost its place.
func (h *hub) dial(ctx context.Context) (*storeConn, error) {
	if h.conn != nil {
		h.conn.Close() // the lost one; nobody else writes h.conn meanwhile
	}
	d, err := h.given, error(nil)
	if r, ok := d.(platform.Rejoiner); ok {
		d, err = r.Rejoin(ctx)
	}
	if err == nil {
		var conn *storeConn
		if conn, err = dialAs(ctx, d); err == nil {
			return conn, nil
		}
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", errGivenUp, context.Cause(ctx))
	}
	return nil, fmt.Errorf("reach the store: %w", err)
}

func dialAs(ctx context.Context, d platform.Domain) (*storeConn, error) {
	raw, err := d.DialStore(ctx)
	if err != nil {
		return nil, err
	}
	return &storeConn{Client: store.NewClient(raw), dom: d}, nil
}
