package idc

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
)

// backEnd is the back end's endpoint for one device of one front end, and the one
// owner of its state.
type backEnd struct {
	s     *Service
	c     *store.Client
	front platform.DomID
	dev   int
	log   *slog.Logger
	stop  context.CancelFunc
	over  chan struct{}

	failure chan error // of a link of this connection, cap 1
	begun   time.Time  // when the last attempt to connect was
	own     store.State
	settled bool // the front end has said Connected on this connection
	pages   mapper
	links   []*backLink
}

func startBackEnd(r *reception, front platform.DomID, dev int) *backEnd {
	ctx, cancel := context.WithCancel(context.Background())
	e := &backEnd{
		s: r.s, c: r.c, front: front, dev: dev, stop: cancel,
		log:  r.s.log.With("front", front, "dev", dev),
		over: make(chan struct{}), failure: make(chan error, 1),
	}
	go func() {
		defer r.ended()
		defer close(e.over)
		defer cancel()
		if err := e.live(ctx); err != nil && ctx.Err() == nil {
			e.log.Warn("endpoint ended", "err", err)
		}
	}()
	return e
}

func (e *backEnd) isOver() bool {
	select {
	case <-e.over:
		return true
	default:
		return false
	}
}

func (e *backEnd) backDir() string {
	return backPath(e.s.spec.Protocol.Device, e.s.dom.ID(), e.front, e.dev)
}

func (e *backEnd) frontDir() string {
	return frontPath(e.s.spec.Protocol.Device, e.front, e.dev)
}

// live makes the device directory and reconciles until the front end is gone or the
// service ends.
func (e *backEnd) live(ctx context.Context) error {
	w, err := e.c.Watch(ctx, e.frontDir())
	if err != nil {
		return err
	}
	defer w.Close()
	defer e.leave()
	if err := e.appear(ctx); err != nil {
		return err
	}
	for {
		gone, err := e.reconcile(ctx)
		if gone || err != nil {
			return err
		}
		select {
		case <-w.C():
			drainWatch(w)
		case cause := <-e.failure:
			e.broken(ctx, cause)
		case <-e.c.Done():
			return e.c.Err()
		case <-ctx.Done():
			return nil
		}
	}
}

// appear publishes what we offer: InitWait.
func (e *backEnd) appear(ctx context.Context) error {
	w := new(KeyWriter)
	w.Text("frontend", e.frontDir())
	w.Uint("frontend-id", uint64(e.front))
	w.Uint("online", 1)
	e.offer(w)
	w.Text("state", store.StateInitWait.Value())
	if err := makeDevice(ctx, e.c, e.s.dom.ID(), e.front, e.backDir(), w); err != nil {
		return fmt.Errorf("make the device directory: %w", err)
	}
	e.own = store.StateInitWait
	return nil
}

// offer adds the keys of what we can do.
func (e *backEnd) offer(w *KeyWriter) {
	r := e.s.spec.Protocol.Ring
	if r.MaxOrder != "" {
		w.Uint(r.MaxOrder, uint64(min(e.s.opt.order, r.Orders)))
	}
	if r.MaxQueues != "" {
		w.Uint(r.MaxQueues, uint64(e.s.opt.queues))
	}
	e.publishOwn(w)
}

// publishOwn adds the keys that hold for all connections.
func (e *backEnd) publishOwn(w *KeyWriter) {
	if key := e.s.spec.Protocol.Persistent; key != "" {
		w.Bool(key, !e.s.opt.unkept)
	}
	e.s.spec.Publish(w)
}

// reconcile does what the front end's state calls for. gone says that it is no
// more. States may have been skipped: only the present one is there to be read.
func (e *backEnd) reconcile(ctx context.Context) (gone bool, err error) {
	front, err := readState(ctx, e.c, e.frontDir())
	if err != nil {
		return false, err
	}
	switch front {
	case store.StateInitialising:
		return false, e.await(ctx)
	case store.StateInitialised, store.StateConnected:
		return false, e.proceed(ctx, front)
	case store.StateClosing:
		return false, e.close(ctx, store.StateClosing)
	case store.StateClosed:
		return false, e.close(ctx, store.StateClosed)
	default:
		e.sever(ErrPeerGone)
		return true, nil
	}
}

// await gets ready for a front end that begins, or begins again.
func (e *backEnd) await(ctx context.Context) error {
	if e.own == store.StateInitWait {
		return nil
	}
	e.sever(ErrDisconnected)
	w := new(KeyWriter)
	e.offer(w)
	return e.publish(ctx, store.StateInitWait, w)
}

// proceed connects to a front end that has published its rings. One that publishes
// again after it was connected has begun anew: its old rings are gone.
func (e *backEnd) proceed(ctx context.Context, front store.State) error {
	if e.own == store.StateConnected && front == store.StateConnected {
		e.settled = true
		return nil
	}
	if e.own == store.StateConnected && !e.settled {
		return nil
	}
	if e.own != store.StateInitWait && e.own != store.StateConnected {
		return nil // it has to begin from Initialising
	}
	e.sever(ErrDisconnected)
	sleep(ctx, time.Until(e.begun.Add(retryFirst))) // it may go round in circles
	e.begun = time.Now()
	if err := e.connect(ctx); err != nil {
		if e.c.Err() != nil {
			return err
		}
		e.broken(ctx, err)
	}
	return nil
}

// close follows a front end that closes.
func (e *backEnd) close(ctx context.Context, s store.State) error {
	e.sever(ErrDisconnected)
	if e.own == s {
		return nil
	}
	return e.publish(ctx, s, nil)
}

// broken ends a connection that can't go on, and tells the front end why.
func (e *backEnd) broken(ctx context.Context, cause error) {
	if e.own != store.StateConnected && e.own != store.StateInitWait {
		return
	}
	e.log.Warn("connection broken", "cause", cause)
	e.sever(cause)
	w := new(KeyWriter)
	w.Text("error", brief(cause.Error()))
	if err := e.publish(ctx, store.StateClosing, w); err != nil {
		e.log.Debug("cannot publish", "err", err)
		e.own = store.StateClosing
	}
}

func (e *backEnd) publish(ctx context.Context, s store.State, keys *KeyWriter) error {
	if err := switchState(ctx, e.c, e.backDir(), s, keys); err != nil {
		return fmt.Errorf("publish state %v: %w", s, err)
	}
	e.own = s
	e.log.Debug("state", "own", s)
	return nil
}

// leave says goodbye: what was taken is answered, then the directory goes. When the
// store is out of reach our domain has ended, and there is nobody to answer.
func (e *backEnd) leave() {
	if err := e.c.Err(); err != nil {
		e.sever(err)
		return
	}
	end := make(chan struct{})
	defer close(end)
	go e.hurry(end, slices.Clone(e.links))
	e.sever(ErrClosed)
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	e.publish(ctx, store.StateClosed, nil)
	removeDevice(ctx, e.c, e.backDir())
}

// hurry ends the contexts of requests that are still being served when our domain
// ends meanwhile, or when they take too long.
func (e *backEnd) hurry(end <-chan struct{}, links []*backLink) {
	limit := time.NewTimer(grace)
	defer limit.Stop()
	select {
	case <-end:
		return
	case <-e.c.Done():
	case <-limit.C:
	}
	for _, k := range links {
		if k.queue != nil {
			k.queue.Abort()
		}
	}
}

// grace is how long a service that closes lets requests that were taken go on before
// it asks their handlers, through the context, to give up.
const grace = 10 * time.Second

// brief is as much of a text as a node of the store takes: what the front end wrote
// may be part of it.
func brief(text string) string {
	const most = 256
	return text[:min(len(text), most)]
}
