package idc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/xenidc/idc/runtime/grant"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/transport"
)

// FrontSpec is what generated code adds to a Protocol to make a front end of it.
type FrontSpec struct {
	Protocol *Protocol
	// Publish adds the protocol's own keys of the front end.
	Publish func(w *KeyWriter)
	// Negotiate reads what the back end published, each time it is connected. It
	// returns how many segments a request may carry.
	Negotiate func(r *KeyReader) (maxSegments int, err error)
	// Refresh reads it again when the back end has published it anew while connected,
	// and reports whether anything changed. It is nil where nothing can.
	Refresh func(r *KeyReader) (changed bool, err error)
}

// Front is a front end: one endpoint, which finds its back end by name, or as a
// device that a toolstack made (see Device), and stays with that. It is made disconnected, connects, and connects again whenever
// the back end went away and came back, until Close. Transactions begun meanwhile
// wait; those that were under way are sent again if their protocol allows it, and
// fail with ErrDisconnected if not.
//
//	appear      the name has a back end
//	connect     transactions flow
//	disconnect  nothing more is delivered; each transaction has its one outcome, or
//	            is kept to be sent again
//	disappear   the name has no back end
//
// All methods may be called by any number of goroutines at once.
type Front struct {
	hub    *hub
	name   string
	spec   FrontSpec
	opt    options
	abi    int
	log    *slog.Logger
	queues []*transport.Queue
	turn   atomic.Uint32
	rings  atomic.Uint32 // queues that the present connection has, or the last had
	// segments is how many a request has at most on the present connection, or the last.
	segments atomic.Uint32

	stop      context.CancelFunc
	stopping  <-chan struct{} // closed by stop
	stopped   chan struct{}
	ended     chan struct{} // closed by the first Close at its end
	closed    atomic.Bool   // by the user
	callbacks callbacks
	trust     trust // of the life's goroutine
	reports   *reports

	mu     sync.Mutex
	up     chan struct{} // closed while connected
	isUp   bool
	reason error // why it isn't connected
	peer   peer  // of the connection, or the last one
	sets   map[peer]*grant.Set
	shelf  shelf
}

// NewFront makes a front end of the device that is called name. It cannot fail: a
// name that can't be, or a store out of reach, is reported by Connected.
func NewFront(d platform.Domain, name string, spec FrontSpec, opts ...Option) *Front {
	o := newOptions(opts)
	p := spec.Protocol
	f := &Front{
		hub: hubOf(d), name: name, spec: spec, opt: o, abi: p.abi(o.abi),
		log:     o.log.With("protocol", p.Name, "name", name, "end", "front"),
		reports: newReports(&o, "protocol", p.Name, "name", name, "end", "front"),
		up:      make(chan struct{}),
		stopped: make(chan struct{}), ended: make(chan struct{}),
		reason: errors.New("no back end has appeared yet"),
		sets:   map[peer]*grant.Set{},
	}
	f.trust = trust{allowed: o.servers, any: o.anyServer}
	f.callbacks.guard = func(call func()) { f.reports.contain("of the connection", call) }
	f.makeQueues()
	ctx, cancel := context.WithCancel(context.Background())
	f.stop, f.stopping = cancel, ctx.Done()
	go f.run(ctx)
	return f
}

// makeQueues allocates everything that transactions will need.
func (f *Front) makeQueues() {
	p := f.spec.Protocol
	depth := p.depth(f.abi, f.order(p.Ring.Orders))
	n := 1
	if p.Ring.Queues != "" {
		n = f.opt.queues
	}
	for i := range n {
		q := transport.NewQueue(transport.Config{
			Base: i * depth, Depth: depth, SlotSize: p.slotSize(),
			MaxSegments: p.MaxSegments, SegmentSize: p.SegmentSize,
			Direct: p.Direct, Alignment: p.Alignment,
			Spin: f.opt.spin, Polled: f.opt.polled, Explain: f.explain, Panicked: f.panicked(),
		})
		f.queues = append(f.queues, q)
		go q.Pump()
	}
}

// panicked is what hears of panics in what is called when a transaction has ended; nil
// if nobody does.
func (f *Front) panicked() func(any, []byte) {
	if f.opt.die {
		return nil
	}
	return func(v any, stack []byte) { f.reports.callback("of an asynchronous call", v, stack) }
}

// order is the ring order that both this end and limit allow.
func (f *Front) order(limit int) int { return min(f.opt.order, limit) }

// MaxSegments is how many pages of bulk data one request carries at most, as of the
// latest connection; 0 before the first.
func (f *Front) MaxSegments() int { return int(f.segments.Load()) }

// Depth is how many transactions can be under way at once: an upper bound of
// Txn.Index.
func (f *Front) Depth() int {
	p := f.spec.Protocol
	return len(f.queues) * p.depth(f.abi, f.order(p.Ring.Orders))
}

// Begin takes a transaction for a request that has room for so many segments; see
// transport.Queue.Begin. Queues take turns.
func (f *Front) Begin(ctx context.Context, user []byte, dir Direction, segments int) (*Txn, error) {
	q := f.queues[0]
	if n := f.rings.Load(); n > 1 {
		q = f.queues[f.turn.Add(1)%n]
	}
	return q.Begin(ctx, user, dir, segments)
}

// explain adds to the cause for which a caller stopped waiting what it waited for, if that
// was a back end.
func (f *Front) explain(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.isUp || errors.Is(err, ErrWouldBlock) {
		return err
	}
	return fmt.Errorf("%s %q: not connected: %w (%w)", f.spec.Protocol.Name, f.name, f.reason, err)
}

// Carry returns how many bytes from the start of user, which isn't empty, one
// request can carry in so many segments, without copying where that is possible. It
// waits until the front end is connected.
func (f *Front) Carry(ctx context.Context, user []byte, segments int) (int, error) {
	for {
		if n := f.queues[0].Carry(user, segments); n > 0 {
			return n, nil
		}
		if err := f.Connected(ctx); err != nil {
			return 0, err
		}
		if err := context.Cause(ctx); err != nil {
			return 0, err
		}
		runtime.Gosched() // it is disconnecting just now
	}
}

// Poll completes every transaction whose response is there and returns how many it
// did. It never sleeps.
func (f *Front) Poll() (n int) {
	for _, q := range f.queues {
		n += q.Poll()
	}
	return n
}

// Connected waits until the front end is connected. Its error says what it waits
// for: it wraps the cause of ctx, or ErrClosed.
func (f *Front) Connected(ctx context.Context) error {
	for {
		f.mu.Lock()
		up, isUp := f.up, f.isUp
		f.mu.Unlock()
		if isUp {
			return nil
		}
		select {
		case <-up:
		case <-f.stopped:
			return fmt.Errorf("%s %q: %w", f.spec.Protocol.Name, f.name, ErrClosed)
		case <-ctx.Done():
			return f.explain(context.Cause(ctx))
		}
	}
}

func (f *Front) why() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reason
}

// Name is the name of the device.
func (f *Front) Name() string { return f.name }

// Close ends the front end: what is under way ends with ErrClosed, the back end is
// told, and everything is released. It waits for that, and for nothing that the
// peer would have to do. It may be called in a callback of the front end's: it doesn't
// wait for those that run already, and OnDisconnect is then called after it.
func (f *Front) Close() error {
	if f.closed.Swap(true) {
		if !f.callbacks.areRunning() { // else one may be what calls us
			<-f.ended
		}
		return nil
	}
	f.stop()
	<-f.stopped
	for _, q := range f.queues {
		q.Close(ErrClosed)
	}
	close(f.ended)
	return nil
}
