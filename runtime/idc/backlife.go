package idc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/xenidc/idc/runtime/store"
)

// backEnd is the back end's endpoint for one device of one front end, and the one
// owner of its state.
type backEnd struct {
	s         *Service
	c         *storeConn
	at        place
	made      bool // the directory is ours to make and to remove; else a toolstack's
	log       *slog.Logger
	stop      context.CancelFunc
	over      chan struct{}
	late      context.Context           // ends when a service that is to end waits for no handler any more
	number    uint64                    // in the order in which a service's endpoints began
	connected func()                    // tells the service
	idle      atomic.Pointer[time.Time] // since when it is not connected; nil while it is
	leaving   bool                      // it was stopped for another; the service's goroutine's
	left      int                       // rings with handlers that weren't waited for; read once it is over

	changed    chan struct{} // cap 1: other keys are to be published
	failure    chan error    // of a link of this connection, cap 1
	begun      time.Time     // when the last attempt to connect was
	own        store.State
	complained bool // of this front end, in the store
	settled    bool // the front end has said Connected on this connection
	links      []*backLink
	offered    []offerOf // of the front end's, on this connection
}

func startBackEnd(r *reception, at place) *backEnd {
	ctx, cancel := context.WithCancel(context.Background())
	late, forget := outlast(ctx, closeTime)
	e := &backEnd{
		late: late, connected: r.connected, number: r.number(),
		s: r.s, c: r.c, at: at, made: !r.s.opt.device, stop: cancel,
		log:  r.s.log.With("front", at.peer, "dev", at.dev),
		over: make(chan struct{}), changed: make(chan struct{}, 1), failure: make(chan error, 1),
	}
	e.setIdle()
	go func() {
		defer r.ended()
		defer close(e.over)
		defer forget()
		defer cancel()
		if err := e.live(ctx); err != nil && ctx.Err() == nil {
			e.log.Warn("endpoint ended", "err", err)
		}
	}()
	return e
}

func (e *backEnd) setIdle() {
	now := time.Now()
	e.idle.Store(&now)
}

func (e *backEnd) isOver() bool {
	select {
	case <-e.over:
		return true
	default:
		return false
	}
}

// live takes the device and reconciles until it is gone or the service ends.
func (e *backEnd) live(ctx context.Context) error {
	front, err := e.c.Watch(ctx, e.at.front)
	if err != nil {
		return err
	}
	defer front.Close()
	back, err := e.watchOwn(ctx)
	if err != nil {
		return err
	}
	if back != nil {
		defer back.Close()
	}
	defer func() { e.leave(front) }()
	if err := e.appear(ctx); err != nil {
		return err
	}
	work, cancel := outlast(ctx, farewell) // to be asked to end is no reason to break off a step
	defer cancel()
	sweep := time.NewTicker(sweepTime)
	defer sweep.Stop()
	for pause := retryFirst; ; {
		gone, err := e.reconcile(work)
		if gone || e.c.Err() != nil || ctx.Err() != nil {
			return err
		}
		var again <-chan time.Time
		if err != nil {
			e.log.Warn("cannot see how things are", "err", err, "retry", pause)
			again = time.After(pause)
			pause = min(2*pause, retryMost)
		} else {
			pause = retryFirst
		}
		select {
		case <-again:
		case <-front.C():
			drainWatch(front)
		case <-watchC(back):
			drainWatch(back)
		case cause := <-e.failure:
			if !e.superseded(work) {
				e.broken(work, cause)
			}
		case <-e.changed:
			if err := e.republish(work); err != nil {
				return err
			}
		case <-sweep.C:
			e.sweep()
		case <-e.c.Done():
			return e.c.Err()
		case <-ctx.Done():
			return nil
		}
	}
}

// watchOwn watches what a toolstack may do with the state of its device: remove it, or
// ask us to close. In a directory that we made nobody else writes, and there is nothing to
// watch: nil.
func (e *backEnd) watchOwn(ctx context.Context) (*store.Watch, error) {
	if e.made {
		return nil, nil
	}
	return e.c.Watch(ctx, e.at.back+"/state")
}

// appear publishes what we offer: InitWait. A toolstack's device may have been served
// before by somebody who died on it; then we go on from there.
func (e *backEnd) appear(ctx context.Context) error {
	if !e.made {
		return e.adopt(ctx)
	}
	w := new(KeyWriter)
	w.Text("frontend", e.at.front)
	w.Uint("frontend-id", uint64(e.at.peer))
	w.Uint("online", 1)
	e.offer(w)
	w.Text("state", store.StateInitWait.Value())
	if err := makeDevice(ctx, e.c.Client, e.c.dom.ID(), e.at.peer, e.at.back, w); err != nil {
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
	p := e.s.spec.Protocol
	p.publishGrowth(w, p.slotSize())
	e.publishOwn(w)
}

// publishOwn adds the keys that hold for all connections. It reports whether the
// front end's pages may stay mapped, as far as we are concerned.
func (e *backEnd) publishOwn(w *KeyWriter) (keep bool) {
	e.s.spec.Publish(w)
	return e.s.opt.keep(w, e.s.spec.Protocol)
}

// reconcile does what the front end's state calls for. gone says that the device is
// no more. States may have been skipped: only the present one is there to be read.
//
// It is what Linux's drivers do (frontend_changed, drivers/block/xen-blkback/xenbus.c),
// but that a front end may also go back to Initialising by itself, as after a suspend.
func (e *backEnd) reconcile(ctx context.Context) (gone bool, err error) {
	if gone, err := e.heed(ctx); gone || err != nil {
		return gone, err
	}
	front, err := readState(ctx, e.c.Client, e.at.front)
	if err != nil {
		return false, err
	}
	switch front {
	case store.StateInitialising:
		err = e.await(ctx)
	case store.StateInitialised, store.StateConnected:
		err = e.proceed(ctx, front)
	case store.StateClosing:
		err = e.follow(ctx, store.StateClosing)
	case store.StateClosed:
		return e.closed(ctx, ErrDisconnected)
	default:
		if e.made {
			e.sever(ErrPeerGone)
			return true, nil
		}
		return e.closed(ctx, ErrPeerGone)
	}
	return e.removed(err)
}

// await gets ready for a front end that begins, or begins again, unless the toolstack
// is taking the device away.
func (e *backEnd) await(ctx context.Context) error {
	if e.own == store.StateInitWait && len(e.links) == 0 {
		return nil
	}
	online, err := isOnline(ctx, e.c.Client, e.at.back)
	if err != nil {
		return err
	}
	if !online {
		_, err := e.closed(ctx, ErrDisconnected)
		return err
	}
	e.sever(ErrDisconnected)
	w := new(KeyWriter)
	e.offer(w)
	return e.publish(ctx, store.StateInitWait, w)
}

// proceed connects to a front end that has published its rings. One that publishes
// again after it was connected has begun anew: its old rings are gone.
func (e *backEnd) proceed(ctx context.Context, front store.State) error {
	if e.own == store.StateConnected {
		anew, err := e.anew(ctx, front)
		if err != nil || !anew {
			e.settled = e.settled || front == store.StateConnected
			return err
		}
	}
	switch {
	case e.own == store.StateClosed && front == store.StateConnected:
		return e.follow(ctx, store.StateClosing) // it missed that we had closed
	case e.own == store.StateInitialising:
		if err := e.await(ctx); err != nil || e.own != store.StateInitWait {
			return err
		}
	case e.own != store.StateInitWait && e.own != store.StateConnected:
		return nil // it has to begin from Initialising
	}
	e.sever(ErrDisconnected)
	sleep(ctx, time.Until(e.begun.Add(retryFirst))) // it may go round in circles
	e.begun = time.Now()
	if err := e.connect(ctx); err != nil {
		if e.c.Err() != nil || errors.As(err, new(unreadError)) || !e.made && errors.Is(err, syscall.ENOENT) {
			return err
		}
		e.broken(ctx, err)
	}
	return nil
}

// anew reports whether a front end that we are connected to has begun again: it went
// back to Initialised, or its rings are others. What can't be read, or makes no sense,
// says nothing about that.
func (e *backEnd) anew(ctx context.Context, front store.State) (bool, error) {
	if e.settled && front == store.StateInitialised {
		return true, nil
	}
	r := e.keysOfFront(ctx)
	now, err := e.offers(r)
	switch {
	case r.unread != nil:
		return false, r.unread
	case err != nil || r.Err() != nil:
		return false, nil
	}
	return !slices.EqualFunc(now, e.offered, offerOf.equal), nil
}

// superseded reports whether the front end has begun anew already: then what became of
// the rings that it left says nothing about the new ones.
func (e *backEnd) superseded(ctx context.Context) bool {
	if e.own != store.StateConnected {
		return false
	}
	front, err := readState(ctx, e.c.Client, e.at.front)
	if err != nil || front != store.StateInitialised && front != store.StateConnected {
		return false
	}
	anew, err := e.anew(ctx, front)
	return err == nil && anew
}

// follow says Closing. What the front end has sent is still served, since it may wait
// for the answers before it says Closed.
func (e *backEnd) follow(ctx context.Context, s store.State) error {
	if e.own == s {
		return nil
	}
	return e.publish(ctx, s, nil)
}

// closed lets go of everything of a front end that has closed, or is no more. A device
// that the toolstack doesn't want any more is gone with that.
func (e *backEnd) closed(ctx context.Context, cause error) (gone bool, err error) {
	e.sever(cause)
	if err := e.follow(ctx, store.StateClosed); err != nil || e.made {
		return e.removed(err)
	}
	online, err := isOnline(ctx, e.c.Client, e.at.back)
	return !online, err
}

// republish publishes keys that have changed, and our state as it is, which tells a
// front end to look (blkback's xen_vbd_resize does so).
func (e *backEnd) republish(ctx context.Context) error {
	if e.own != store.StateConnected {
		return nil
	}
	w := new(KeyWriter)
	e.publishOwn(w)
	_, err := e.removed(e.publish(ctx, store.StateConnected, w))
	return err
}

func (e *backEnd) publish(ctx context.Context, s store.State, keys *KeyWriter) error {
	if err := switchState(ctx, e.c.Client, e.at.back, s, keys); err != nil {
		return fmt.Errorf("publish state %v: %w", s, err)
	}
	e.own = s
	e.log.Debug("state", "own", s)
	return nil
}
