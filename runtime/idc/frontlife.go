package idc

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
)

const (
	retryFirst = 20 * time.Millisecond // pause after a failed attempt
	retryMost  = 2 * time.Second
	farewell   = 2 * time.Second // how long Close may take to tidy the store
)

// frontLife is the one owner of a front end's state in the store. Its goroutine
// reads how things are and does what that calls for.
type frontLife struct {
	*Front
	c       *store.Client
	service *store.Watch
	device  *store.Watch // the back end's directory, nil while none has appeared
	failure chan error   // of a link of this connection, cap 1

	back  platform.DomID
	dev   int
	own   store.State // what we published last; Unknown: no directory
	links []*frontLink
	begun time.Time     // when the last attempt to connect was
	pause time.Duration // after the next failed one
}

// run keeps a connection to the store and a life on it until ctx ends.
func (f *Front) run(ctx context.Context) {
	defer close(f.stopped)
	if err := validName(f.name); err != nil {
		f.setDown(err)
		<-ctx.Done()
		return
	}
	for pause := retryFirst; ctx.Err() == nil; pause = min(2*pause, retryMost) {
		err := f.live(ctx)
		if ctx.Err() != nil {
			return
		}
		f.log.Warn("store connection lost", "err", err, "retry", pause)
		f.setDown(err)
		sleep(ctx, pause)
	}
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

// live runs one life on one store connection.
func (f *Front) live(ctx context.Context) error {
	conn, err := f.dom.DialStore(ctx)
	if err != nil {
		return fmt.Errorf("reach the store: %w", err)
	}
	l := &frontLife{
		Front: f, c: store.NewClient(conn), failure: make(chan error, 1), pause: retryFirst,
	}
	defer l.c.Close()
	l.service, err = l.c.Watch(ctx, servicePath(f.spec.Protocol.Device, f.name))
	if err != nil {
		return err
	}
	err = l.loop(ctx)
	l.leave(err)
	return err
}

// loop reconciles at every change of the store and every failure of a link. After an
// error it rests first, whatever changes meanwhile: the changes may be of the back
// end's making, and its part of a circle.
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
		l.log.Warn("cannot connect", "err", err, "retry", l.pause)
		if l.own != store.StateConnected {
			l.setDown(err)
		}
		l.rest(ctx)
	}
}

// await returns when there may be something to do.
func (l *frontLife) await(ctx context.Context) {
	for {
		select {
		case <-l.service.C():
			if !l.concerned() {
				continue
			}
		case <-watchC(l.device):
			drainWatch(l.device)
		case cause := <-l.failure:
			l.disconnect(ctx, lost(cause))
		case <-l.c.Done():
		case <-ctx.Done():
		}
		return
	}
}

// rest waits for the time to try again.
func (l *frontLife) rest(ctx context.Context) {
	t := time.NewTimer(l.pause)
	defer t.Stop()
	l.pause = min(2*l.pause, retryMost)
	select {
	case <-t.C:
	case cause := <-l.failure:
		l.disconnect(ctx, lost(cause))
	case <-l.c.Done():
	case <-ctx.Done():
	}
}

// concerned takes the events of the service's directory, and reports whether any is
// more than another front end's coming and going.
func (l *frontLife) concerned() (yes bool) {
	p := l.spec.Protocol
	others := servicePath(p.Device, l.name) + "/fronts/"
	own := requestPath(p.Device, l.name, l.dom.ID(), l.dev)
	for {
		path, ok, err := l.service.Poll()
		if !ok || err != nil {
			return yes || err != nil
		}
		yes = yes || path == own || !strings.HasPrefix(path, others)
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
	back, err := readState(ctx, l.c, l.backDir())
	if err != nil {
		return err
	}
	switch {
	case l.own == store.StateConnected && back != store.StateConnected:
		l.disconnect(ctx, fmt.Errorf("%w: the back end is %v", ErrDisconnected, back))
		return l.reconcile(ctx)
	case l.own == store.StateInitialised && back == store.StateConnected:
		return l.attempt(ctx, l.connect)
	case l.own == store.StateInitialised && back != store.StateInitWait && back != store.StateInitialised:
		l.disconnect(ctx, l.refusal(ctx, back))
		return l.why()
	case l.own == store.StateClosed && back != store.StateConnected && back != store.StateClosing:
		if err := l.publish(ctx, store.StateInitialising, nil); err != nil {
			return err
		}
		return l.reconcile(ctx)
	case l.own == store.StateInitialising && back == store.StateInitWait:
		return l.begin(ctx)
	case l.own == store.StateInitialising:
		l.setDown(l.refusal(ctx, back))
		return l.insist(ctx)
	}
	return nil
}

// insist asks for service again if our request is gone: a service that was
// withdrawn and announced anew by the same domain has forgotten it.
func (l *frontLife) insist(ctx context.Context) error {
	path := requestPath(l.spec.Protocol.Device, l.name, l.dom.ID(), l.dev)
	there, err := l.c.Exists(ctx, store.NoTx, path)
	if err != nil || there {
		return err
	}
	return l.request(ctx, path)
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
	if text, err := l.c.Read(ctx, store.NoTx, l.backDir()+"/error"); err == nil {
		return fmt.Errorf("%w: the back end says: %s", ErrDisconnected, text)
	}
	return fmt.Errorf("%w: the back end is %v", ErrDisconnected, back)
}

// follow makes us talk to the domain that owns the name now.
func (l *frontLife) follow(ctx context.Context) error {
	back, found, err := l.lookup(ctx)
	if err != nil {
		return err
	}
	if l.own != store.StateUnknown && (!found || back != l.back) {
		l.disappear(ctx)
	}
	if found && l.own == store.StateUnknown {
		return l.appear(ctx, back)
	}
	return nil
}

// lookup reads who serves the name. Only the owner of the node can be the one.
func (l *frontLife) lookup(ctx context.Context) (back platform.DomID, found bool, err error) {
	path := servicePath(l.spec.Protocol.Device, l.name)
	v, err := l.c.Read(ctx, store.NoTx, path)
	if errors.Is(err, syscall.ENOENT) {
		if l.own == store.StateUnknown {
			l.setDown(errNoService)
		}
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	perms, err := l.c.Perms(ctx, store.NoTx, path)
	n, bad := strconv.ParseUint(v, 10, 16)
	if err != nil || bad != nil || len(perms) == 0 || perms[0].Dom != platform.DomID(n) {
		return 0, false, nil // half written, or a forgery
	}
	return platform.DomID(n), true, nil
}

var errNoService = fmt.Errorf("%w: no back end serves that name", ErrDisconnected)

// appear makes our device directory and asks the back end to serve it.
func (l *frontLife) appear(ctx context.Context, back platform.DomID) (err error) {
	p := l.spec.Protocol
	l.back, l.dev = back, nextDev()
	w := new(KeyWriter)
	w.Text("backend", l.backDir())
	w.Uint("backend-id", uint64(back))
	w.Uint("virtual-device", uint64(l.dev))
	w.Text("state", store.StateInitialising.Value())
	if l.device, err = l.c.Watch(ctx, l.backDir()); err != nil {
		return err
	}
	if err := makeDevice(ctx, l.c, l.dom.ID(), back, l.frontDir(), w); err != nil {
		l.device.Close()
		l.device = nil
		return fmt.Errorf("make the device directory: %w", err)
	}
	l.own = store.StateInitialising
	l.log.Debug("back end appeared", "back", back)
	return l.request(ctx, requestPath(p.Device, l.name, l.dom.ID(), l.dev))
}

// request creates the node that asks the service for a back end, if the service is
// there: else we would make its directory, and own what the next back end needs. Of
// a service that was withdrawn just now, the watch of its name will tell.
func (l *frontLife) request(ctx context.Context, path string) error {
	service := servicePath(l.spec.Protocol.Device, l.name)
	err := l.c.Transaction(ctx, func(tx store.Tx) error {
		if there, err := l.c.Exists(ctx, tx, service); err != nil || !there {
			return err
		}
		if err := l.c.Write(ctx, tx, path, l.frontDir()); err != nil {
			return err
		}
		return l.c.SetPerms(ctx, tx, path,
			store.Perm{Dom: l.dom.ID(), Rights: store.PermNone}, store.Perm{Dom: l.back, Rights: store.PermRead})
	})
	if err != nil {
		return fmt.Errorf("ask for service: %w", err)
	}
	return nil
}

func (l *frontLife) frontDir() string {
	return frontPath(l.spec.Protocol.Device, l.dom.ID(), l.dev)
}

func (l *frontLife) backDir() string {
	return backPath(l.spec.Protocol.Device, l.back, l.dom.ID(), l.dev)
}

// publish switches our state.
func (l *frontLife) publish(ctx context.Context, s store.State, keys *KeyWriter) error {
	if err := switchState(ctx, l.c, l.frontDir(), s, keys); err != nil {
		return fmt.Errorf("publish state %v: %w", s, err)
	}
	l.own = s
	l.log.Debug("state", "own", s)
	return nil
}

// disappear forgets a back end that is gone.
func (l *frontLife) disappear(ctx context.Context) {
	l.sever(errNoService)
	l.device.Close()
	removeDevice(ctx, l.c, l.frontDir())
	l.c.Remove(ctx, store.NoTx, requestPath(l.spec.Protocol.Device, l.name, l.dom.ID(), l.dev))
	l.device, l.own = nil, store.StateUnknown
	l.log.Debug("back end disappeared", "back", l.back)
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
	l.disconnect(ctx, cause)
	l.disappear(ctx)
}

// disconnect ends the connection, whatever of it there is, and says so in the
// store. It needs nothing of the peer.
func (l *frontLife) disconnect(ctx context.Context, cause error) {
	l.sever(cause)
	if l.own == store.StateUnknown || l.own == store.StateClosed || l.own == store.StateInitialising {
		return
	}
	for _, s := range []store.State{store.StateClosing, store.StateClosed} {
		if err := l.publish(ctx, s, nil); err != nil {
			l.log.Debug("cannot publish", "state", s, "err", err)
			l.own = store.StateClosed
		}
	}
}

// sever cuts the links: every outstanding transaction gets its outcome or is kept
// for the next connection.
func (l *frontLife) sever(cause error) {
	for _, k := range l.links {
		k.channel.Close()
	}
	for i, q := range l.queues {
		if i < len(l.links) {
			q.Detach(cause)
		}
	}
	for _, k := range l.links {
		k.close()
	}
	l.links = nil
	l.failure = make(chan error, 1) // a late failure of these links finds nobody
	if l.setDown(cause) && l.opt.onDisconnect != nil {
		l.opt.onDisconnect(cause)
	}
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
