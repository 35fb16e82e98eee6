package idc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
	"github.com/xenidc/idc/runtime/transport"
)

const (
	retryFirst = 20 * time.Millisecond // pause after a failed attempt
	retryMost  = 2 * time.Second
	farewell   = 2 * time.Second // how long Close may take to tidy the store
	drainTime  = time.Second     // how long to wait for answers before closing
	unmapTime  = 3 * time.Second // how long to wait until the back end has closed, too
)

// frontLife is the one owner of a front end's state in the store. Its goroutine
// reads how things are and does what that calls for.
type frontLife struct {
	*Front
	finder
	c       *storeConn
	device  *store.Watch // the back end's directory, nil while none has appeared
	failure chan error   // of a link of this connection, cap 1

	at      place
	own     store.State // what we published last; Unknown: no directory
	stale   bool        // the back end has written its state since we read its keys
	links   []*frontLink
	pools   *leftovers // of the links
	begun   time.Time  // when the last attempt to connect was
	backoff backoff    // after failed ones
}

// run keeps a connection to the store and a life on it until ctx ends.
func (f *Front) run(ctx context.Context) {
	defer close(f.stopped)
	defer f.hub.leave()
	if err := f.validAddress(); err != nil {
		f.setDown(err)
		<-ctx.Done()
		return
	}
	said := ""
	for pause := retryFirst; ctx.Err() == nil; pause = min(2*pause, retryMost) {
		began := time.Now()
		err := f.live(ctx)
		if ctx.Err() != nil {
			return
		}
		pause = pauseAfter(pause, time.Since(began))
		level := slog.LevelWarn
		if said == err.Error() {
			level = slog.LevelDebug
		}
		said = err.Error()
		f.log.Log(ctx, level, "store connection lost", "err", err, "retry", pause)
		f.setDown(err)
		sleep(ctx, pause)
	}
}

// validAddress reports whether there can be such a device.
func (f *Front) validAddress() error {
	if f.opt.device {
		return nil
	}
	return validName(f.name)
}

// pauseAfter is the pause after a life on one store connection: it grows from try to
// try, and is the first one again after a life that held for a while.
func pauseAfter(pause, lived time.Duration) time.Duration {
	if lived > retryMost {
		return retryFirst
	}
	return pause
}

// sleep waits for d or for ctx to end.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// outlast returns a context that ends so long after ctx: for steps that had better be
// brought to their end.
func outlast(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		sleep(late, d)
		cancel()
	})
	return late, func() { stop(); cancel() }
}

// live runs one life on one store connection.
func (f *Front) live(ctx context.Context) error {
	c, err := f.hub.connect(ctx)
	if err != nil {
		return err
	}
	l := &frontLife{
		Front: f, c: c, failure: make(chan error, 1), pools: new(leftovers),
	}
	l.finder = f.newFinder(l.c)
	if err := l.watch(ctx); err != nil {
		return err
	}
	defer l.finder.close()
	err = l.loop(ctx)
	l.leave(err)
	return err
}

// loop reconciles at every change of the store and every failure of a link. After an
// error it rests first, whatever changes meanwhile, unless there is another back end: the
// changes may be of the back end's making, and its part of a circle.
func (l *frontLife) loop(ctx context.Context) error {
	for {
		err := l.reconcile(ctx)
		if fatal := l.c.Err(); fatal != nil {
			return fatal
		}
		if ctx.Err() != nil {
			return ErrClosed
		}
		if err == nil {
			l.await(ctx)
			continue
		}
		pause := l.backoff.next(l.at.peer)
		l.log.Warn("cannot connect", "err", err, "retry", pause)
		if l.own != store.StateConnected {
			l.setDown(err)
		}
		l.rest(ctx, pause)
	}
}

// await returns when there may be something to do.
func (l *frontLife) await(ctx context.Context) {
	for {
		select {
		case <-l.events():
			if !l.concerned() {
				continue
			}
		case <-watchC(l.device):
			l.look()
		case cause := <-l.failure:
			l.disconnect(ctx, lost(cause))
		case <-l.c.Done():
		case <-ctx.Done():
		}
		return
	}
}

// rest waits for the time to try again, or for another back end.
func (l *frontLife) rest(ctx context.Context, pause time.Duration) {
	t := time.NewTimer(pause)
	defer t.Stop()
	for {
		select {
		case <-l.events():
			if !l.concerned() || !l.isReplaced(ctx) {
				continue
			}
		case <-t.C:
		case cause := <-l.failure:
			l.disconnect(ctx, lost(cause))
		case <-l.c.Done():
		case <-ctx.Done():
		}
		return
	}
}

// isReplaced reports whether the back end isn't the one any more that we are resting from.
func (l *frontLife) isReplaced(ctx context.Context) bool {
	at, err := l.find(ctx)
	return isAbsent(err) || err == nil && at.peer != l.at.peer
}

// look takes the events of the back end's directory. The loop reads everything
// anyhow, but for one thing: a state that was written again as it was.
func (l *frontLife) look() {
	for {
		path, ok, err := l.device.Poll()
		if !ok || err != nil {
			return
		}
		l.stale = l.stale || path == l.at.back+"/state" || path == l.at.back
	}
}

// lost makes the failure of a link a loss of the connection.
func lost(cause error) error { return fmt.Errorf("%w: %w", ErrDisconnected, cause) }

func watchC(w *store.Watch) <-chan struct{} {
	if w == nil {
		return nil
	}
	return w.C()
}

// drainWatch forgets which paths changed: the loop reads everything anyhow.
func drainWatch(w *store.Watch) {
	for {
		if _, ok, err := w.Poll(); !ok || err != nil {
			return
		}
	}
}

// reconcile does the next thing that the state of the store calls for.
func (l *frontLife) reconcile(ctx context.Context) error {
	if err := l.follow(ctx); err != nil || l.own == store.StateUnknown {
		return err
	}
	back, err := readState(ctx, l.c.Client, l.at.back)
	if err != nil {
		return err
	}
	switch l.own {
	case store.StateConnected:
		return l.whileConnected(ctx, back)
	case store.StateInitialised:
		return l.whileInitialised(ctx, back)
	case store.StateClosed:
		return l.whileClosed(ctx, back)
	case store.StateInitialising:
		return l.whileInitialising(ctx, back)
	}
	return nil
}

func (l *frontLife) whileConnected(ctx context.Context, back store.State) error {
	switch {
	case back == store.StateConnected && l.stale:
		return l.reread(ctx)
	case back == store.StateConnected:
		return nil
	case back == store.StateClosing:
		l.drain(ctx)
	}
	l.disconnect(ctx, fmt.Errorf("%w: the back end is %v", ErrDisconnected, back))
	return l.reconcile(ctx)
}

func (l *frontLife) whileInitialised(ctx context.Context, back store.State) error {
	switch back {
	case store.StateConnected:
		return l.attempt(ctx, l.connect)
	case store.StateInitWait, store.StateInitialised:
		return nil
	case store.StateInitialising:
		if l.opt.device {
			return nil // a new back end will find what we published
		}
	}
	l.disconnect(ctx, l.refusal(ctx, back))
	return l.why()
}

// whileClosed begins again, unless the back end still has to let go of the last
// connection, or the toolstack is taking the device away.
func (l *frontLife) whileClosed(ctx context.Context, back store.State) error {
	if back == store.StateConnected || back == store.StateClosing {
		return nil
	}
	online, err := isOnline(ctx, l.c.Client, l.at.back)
	if err != nil || !online {
		return err
	}
	if err := l.publish(ctx, store.StateInitialising, nil); err != nil {
		return err
	}
	return l.reconcile(ctx)
}

func (l *frontLife) whileInitialising(ctx context.Context, back store.State) error {
	if back == store.StateInitWait {
		return l.begin(ctx)
	}
	l.setDown(l.refusal(ctx, back))
	if l.opt.device && (back == store.StateConnected || back == store.StateClosing) {
		l.bow(ctx) // it is connected to somebody who was here before
		return nil
	}
	return l.insist(ctx, l.at)
}

// begin makes an attempt to connect, but not too soon after the last one: the back
// end may let us in and break the connection in circles.
func (l *frontLife) begin(ctx context.Context) error {
	if early := time.Until(l.begun.Add(retryFirst)); early > 0 {
		sleep(ctx, early)
		return l.reconcile(ctx) // things may have changed
	}
	l.begun = time.Now()
	return l.attempt(ctx, l.prepare)
}

// attempt does one step and undoes all if it fails.
func (l *frontLife) attempt(ctx context.Context, step func(context.Context) error) error {
	err := step(ctx)
	if err != nil {
		l.disconnect(ctx, err)
	}
	return err
}

// refusal says what a back end that doesn't go on said.
func (l *frontLife) refusal(ctx context.Context, back store.State) error {
	if text, err := l.c.Read(ctx, store.NoTx, l.at.back+"/error"); err == nil {
		return notConnected("the back end says: %s", text)
	}
	if back == store.StateUnknown {
		if text := l.delay(ctx); text != "" {
			return fmt.Errorf("%w: the back end says: %s", ErrBusy, brief(text))
		}
	}
	return notConnected("the back end is %v", back)
}

// follow makes us talk to the back end that is ours now.
func (l *frontLife) follow(ctx context.Context) error {
	at, err := l.find(ctx)
	if err != nil && !isAbsent(err) {
		return err
	}
	if l.own != store.StateUnknown && (err != nil || at != l.at || l.overwritten(ctx)) {
		l.leaveBack(ctx, err)
	}
	if err != nil {
		l.setDown(err)
		return nil
	}
	if l.own == store.StateUnknown {
		return l.enter(ctx, at)
	}
	return nil
}

// overwritten reports whether a toolstack has made our directory anew while we
// didn't look.
func (l *frontLife) overwritten(ctx context.Context) bool {
	if !l.opt.device {
		return false
	}
	s, err := readState(ctx, l.c.Client, l.at.front)
	return err == nil && s != l.own
}

// enter makes us known to a back end that was found.
func (l *frontLife) enter(ctx context.Context, at place) (err error) {
	if l.device, err = l.c.Watch(ctx, at.back); err != nil {
		return err
	}
	own, err := l.appear(ctx, at)
	if l.at, l.own = at, own; own == store.StateUnknown {
		l.device.Close()
		l.device = nil
	} else {
		l.log.Debug("back end appeared", "back", at.peer)
	}
	return err
}

// publish switches our state.
func (l *frontLife) publish(ctx context.Context, s store.State, keys *KeyWriter) error {
	if err := switchState(ctx, l.c.Client, l.at.front, s, keys); err != nil {
		return fmt.Errorf("publish state %v: %w", s, err)
	}
	l.own = s
	l.log.Debug("state", "own", s)
	return nil
}

// leaveBack forgets a back end that is gone.
func (l *frontLife) leaveBack(ctx context.Context, why error) {
	if why == nil {
		why = notConnected("another back end has the device")
	}
	l.sever(why)
	l.reclaim(peer{})
	l.device.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell) // we won't come by again
	defer cancel()
	l.disappear(ctx, l.at)
	l.device, l.own = nil, store.StateUnknown
	l.log.Debug("back end disappeared", "back", l.at.peer)
}

// leave ends the life: on request, or because the store is out of reach.
func (l *frontLife) leave(cause error) {
	if l.own == store.StateUnknown {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	if !errors.Is(cause, ErrClosed) {
		cause = lost(cause)
	}
	if l.own == store.StateConnected && l.c.Err() == nil {
		l.drain(ctx)
	}
	l.disconnect(ctx, cause)
	l.leaveBack(ctx, cause)
}

// drain lets the back end of a toolstack's device answer what it has taken, for a
// while, before we close: somebody else's driver may refuse us later if it was left
// with requests in hand (Linux: xen_blkif_disconnect's -EBUSY). One of ours isn't
// waited for, since it lets go of everything by itself.
func (l *frontLife) drain(ctx context.Context) {
	if !l.opt.device {
		return
	}
	if err := l.publish(ctx, store.StateClosing, nil); err != nil {
		return
	}
	for _, q := range l.queues {
		q.Hold()
	}
	for end := time.Now().Add(drainTime); time.Now().Before(end) && ctx.Err() == nil && l.c.Err() == nil; {
		if !slices.ContainsFunc(l.queues, (*transport.Queue).Busy) {
			return
		}
		select {
		case <-l.failure:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// disconnect ends the connection, whatever of it there is, and says so in the
// store. It needs nothing of the peer, but gives the back end of a toolstack's device
// the time to unmap our pages, since a page that is mapped elsewhere can't be had back.
func (l *frontLife) disconnect(ctx context.Context, cause error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell+unmapTime) // Close doesn't cut it short
	defer cancel()
	l.cut(cause)
	if l.own != store.StateUnknown && l.own != store.StateClosed && l.own != store.StateInitialising {
		l.bow(ctx)
		if l.opt.device && len(l.links) > 0 {
			l.awaitBack(ctx)
		}
	}
	l.free()
}

// awaitBack waits until the back end has let go of the connection, for a while.
func (l *frontLife) awaitBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, unmapTime)
	defer cancel()
	for {
		s, err := readState(ctx, l.c.Client, l.at.back)
		if err != nil || s != store.StateConnected && s != store.StateClosing {
			return
		}
		select {
		case <-l.device.C():
			l.look()
		case <-l.c.Done():
			return
		case <-ctx.Done():
			l.log.Warn("the back end doesn't close", "state", s, "waited", unmapTime)
			return
		}
	}
}

// bow says in the store that there is no connection.
func (l *frontLife) bow(ctx context.Context) {
	for _, s := range []store.State{store.StateClosing, store.StateClosed} {
		if err := l.publish(ctx, s, nil); err != nil {
			l.log.Debug("cannot publish", "state", s, "err", err)
			l.own = store.StateClosed
		}
	}
}

// sever ends the connection without a word.
func (l *frontLife) sever(cause error) {
	l.cut(cause)
	l.free()
}

// cut stops using the links: every outstanding transaction gets its outcome or is kept
// for the next connection.
func (l *frontLife) cut(cause error) {
	for _, k := range l.links {
		k.channel.Close()
	}
	transport.Detach(cause, l.queues[:len(l.links)]...)
	l.failure = make(chan error, 1) // a late failure of these links finds nobody
	if l.setDown(cause) && l.opt.onDisconnect != nil {
		l.callbacks.call(l.stopping, func() { l.opt.onDisconnect(cause) })
	}
}

// free gives back the memory of the links, and buffers that nobody uses.
func (l *frontLife) free() {
	l.clearShelf()
	for _, k := range l.links {
		k.close()
	}
	l.links = nil
	l.pools.release()
	l.pools = new(leftovers)
}

// failed returns what a link of a connection calls when it broke; to is where the
// life of that connection hears of it.
func failed(to chan<- error) func(error) {
	return func(err error) {
		if errors.Is(err, platform.ErrClosed) {
			return // by us
		}
		select {
		case to <- err:
		default:
		}
	}
}
