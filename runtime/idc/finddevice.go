package idc

import (
	"context"
	"errors"
	"strings"
	"syscall"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
)

// byDevice finds the back end of a device that a toolstack made for us. The
// directory is ours to write to, and the toolstack's to make and to remove.
type byDevice struct {
	f *Front
	c *storeConn
	w *store.Watch // of our directory
}

func (d *byDevice) dir() string {
	return frontPath(d.f.spec.Protocol.Device, d.c.dom.ID(), d.f.opt.dev)
}

func (d *byDevice) watch(ctx context.Context) (err error) {
	d.w, err = d.c.Watch(ctx, d.dir())
	return err
}

func (d *byDevice) close() { d.w.Close() }

func (d *byDevice) events() <-chan struct{} { return d.w.C() }

// concerned passes over the events of the keys that we write ourselves.
func (d *byDevice) concerned() (yes bool) {
	for {
		path, ok, err := d.w.Poll()
		if !ok || err != nil {
			return yes || err != nil
		}
		switch strings.TrimPrefix(path, d.dir()) {
		case "", "/backend", "/backend-id", "/state":
			yes = true
		}
	}
}

// find reads where the toolstack put our back end.
func (d *byDevice) find(ctx context.Context) (place, error) {
	back, err := d.c.Read(ctx, store.NoTx, d.dir()+"/backend")
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EACCES) {
		return place{}, nowhere("no toolstack has made the device: %s/backend isn't there", d.dir())
	}
	if err != nil {
		return place{}, err
	}
	peer, front, _, ok := parseBackPath(back)
	switch {
	case !ok || front != d.c.dom.ID():
		return place{}, nowhere("%s/backend is %q, which is no back end's directory for domain %d", d.dir(), brief(back), d.c.dom.ID())
	case peer != d.f.opt.peer:
		return place{}, nowhere("the back end of %s is domain %d, not domain %d", d.dir(), peer, d.f.opt.peer)
	}
	if d.f.trust.allowed != nil { // else it is the toolstack's choice
		if err := d.f.trust.accepts(d.c.dom, peer); err != nil {
			return place{}, err
		}
	}
	s, err := readState(ctx, d.c.Client, d.dir())
	if err != nil {
		return place{}, err
	}
	if s == store.StateUnknown {
		return place{}, nowhere("%s/state isn't there", d.dir())
	}
	return place{d.dir(), back, platform.DomID(peer), d.f.opt.dev}, nil
}

// appear takes the device over as it is. If an earlier front end left it connected,
// the back end has to be brought to let go first: it does when it sees Closed, but
// ignores Initialising (Linux: frontend_changed, drivers/block/xen-blkback/xenbus.c).
func (d *byDevice) appear(ctx context.Context, at place) (store.State, error) {
	own, err := readState(ctx, d.c.Client, at.front)
	if err != nil {
		return store.StateUnknown, err
	}
	back, err := readState(ctx, d.c.Client, at.back)
	if err != nil {
		return store.StateUnknown, err
	}
	busy := back == store.StateConnected || back == store.StateClosing
	if own == store.StateClosed || own == store.StateInitialising && !busy {
		return own, nil
	}
	d.f.log.Info("an earlier front end left the device behind", "own", own, "back", back)
	for _, s := range []store.State{store.StateClosing, store.StateClosed} {
		if err := switchState(ctx, d.c.Client, at.front, s, nil); err != nil {
			return store.StateUnknown, err
		}
	}
	return store.StateClosed, nil
}

func (d *byDevice) delay(context.Context) string { return "" }

// insist does nothing: there is nobody to ask.
func (d *byDevice) insist(context.Context, place) error { return nil }

// disappear leaves the directory to the toolstack.
func (d *byDevice) disappear(context.Context, place) {}
