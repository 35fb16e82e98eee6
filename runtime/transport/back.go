package transport

import (
	"context"
	"sync"
	"time"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/ring"
	"github.com/xenidc/idc/runtime/shm"
)

// Mapper gives a back end access to a front end's pages. grant.Cache is one that
// keeps them mapped.
type Mapper interface {
	MapEach(refs []platform.GrantRef, access platform.Access, pages []shm.Memory) error
	UnmapEach(refs []platform.GrantRef, access platform.Access, pages []shm.Memory)
}

// BackConfig is what a BackQueue works with.
type BackConfig struct {
	Ring        *ring.Back
	Channel     platform.Channel
	Mapper      Mapper
	Copier      platform.Copier // if set, small data is copied rather than mapped
	Peer        platform.DomID
	Wire        Wire
	Fill        bool // the rest of each slot is zeroed: the peer may know more fields
	ABI         int
	MaxSegments int            // of one request
	ListBytes   int            // a page, if there are pages of segments
	Workers     int            // handlers that may run at once, at least 1
	Spin        time.Duration  // how long to poll before sleeping
	Handle      func(*Request) // serves one request; runs on any worker
	Failed      func(error)    // called at most once when the link can't go on; must not block

	// Contain has a panic in Handle cost its request, not the process.
	Contain bool
	// Report, if set, is told of requests that fail, and of all if Observe. It is called
	// on the worker, under no lock.
	Report  func(Served)
	Observe bool
}

// BackQueue serves one ring. Its workers take turns: one leads, which means that it
// looks after the ring; a leader that took a request serves it itself, and another
// worker leads on where that pays, or if this one turns out to be slow (see handover.go).
// So a single request changes no goroutine, and slow ones are served in parallel. Workers
// are started when they are first needed.
//
//	        ┌── ring empty: spin, arm, sleep ◄─┐
//	leader ─┤                                   │
//	        └── take ─► (call another to lead) ─► serve ─► respond ─► leader or follower
type BackQueue struct {
	cfg      BackConfig
	ctx      context.Context
	end      context.CancelFunc
	patience *patience
	running  sync.WaitGroup
	report   sync.Once

	mu      sync.Mutex
	stopped bool
	idle    *sync.Cond // of followers
	started int        // workers
	parked  int        // of them, followers that wait on idle
	leading bool       // somebody waits for requests
	serving int        // requests that were taken and aren't answered

	unpublished int // answers on the ring that the front end can't see yet

	service  time.Duration // what a request takes, on average
	called   instant       // when a follower was woken that hasn't come yet
	wake     time.Duration // what that costs, on average
	watchdog watchdog
	company  company
}

// NewBackQueue starts to serve.
func NewBackQueue(cfg BackConfig) *BackQueue {
	cfg.Workers = max(cfg.Workers, 1)
	q := &BackQueue{cfg: cfg, patience: newPatience(cfg.Spin)}
	q.ctx, q.end = context.WithCancel(context.Background())
	q.idle = sync.NewCond(&q.mu)
	q.watchdog.timer = time.AfterFunc(time.Hour, q.look)
	q.watchdog.timer.Stop()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.startLocked()
	return q
}

// startLocked starts a worker.
func (q *BackQueue) startLocked() {
	q.started++
	q.running.Go((&worker{q: q, r: newRequest(q)}).run)
}

// Stop takes no further request, waits until those that were taken are answered,
// and ends the workers. If abort, handlers see their context end at once.
func (q *BackQueue) Stop(abort bool) {
	if abort {
		q.end()
	}
	q.mu.Lock()
	q.stopped = true
	q.watchdog.timer.Stop()
	q.idle.Broadcast()
	q.mu.Unlock()
	q.cfg.Channel.Wake()
	q.running.Wait()
	q.end()
}

// Abort ends the context of requests that are being served. It doesn't wait.
func (q *BackQueue) Abort() { q.end() }

// fail ends the service of a ring that the peer broke.
func (q *BackQueue) fail(err error) {
	q.stopped = true
	q.idle.Broadcast()
	if q.cfg.Failed != nil {
		q.report.Do(func() { go q.cfg.Failed(err) })
	}
}

// promote lets another worker lead, if nobody does.
func (q *BackQueue) promote() {
	q.mu.Lock()
	q.callFollowerLocked()
	q.mu.Unlock()
}
