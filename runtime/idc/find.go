package idc

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
)

// finder is how a front end finds its back end and makes itself known to it: byName
// or byDevice. One goroutine uses it, on one connection to the store.
type finder interface {
	// watch begins to watch for a back end.
	watch(ctx context.Context) error
	// events receives a value when concerned should be asked.
	events() <-chan struct{}
	// concerned takes the events and reports whether any calls for a look.
	concerned() bool
	// find reads where our back end is. An absent error says that there is none.
	find(ctx context.Context) (place, error)
	// appear gets our directory ready and returns our state in it: Initialising, or
	// Closed if the back end has to let go of an earlier connection first.
	appear(ctx context.Context, at place) (store.State, error)
	// delay says why a back end that is there hasn't answered us yet; "" if it says nothing.
	delay(ctx context.Context) string
	// insist asks for service again where that was forgotten.
	insist(ctx context.Context, at place) error
	// disappear takes back what appear made.
	disappear(ctx context.Context, at place)
	// close ends the watching.
	close()
}

func (f *Front) newFinder(c *storeConn) finder {
	if f.opt.device {
		return &byDevice{f: f, c: c}
	}
	return &byName{f: f, c: c}
}

// byName finds the domain that serves a name.
type byName struct {
	f       *Front
	c       *storeConn
	service *store.Watch
	at      place // what was found last
}

func (n *byName) path() string { return servicePath(n.f.spec.Protocol.Device, n.f.name) }

func (n *byName) request(at place) string {
	return requestPath(n.f.spec.Protocol.Device, n.f.name, n.c.dom.ID(), at.dev)
}

func (n *byName) watch(ctx context.Context) (err error) {
	n.service, err = n.c.Watch(ctx, n.path())
	return err
}

func (n *byName) close() { n.service.Close() }

func (n *byName) events() <-chan struct{} { return n.service.C() }

// concerned reports whether anything happened in the service's directory that is
// more than another front end's coming and going.
func (n *byName) concerned() (yes bool) {
	others, own := n.path()+"/fronts/", n.request(n.at)
	for {
		path, ok, err := n.service.Poll()
		if !ok || err != nil {
			return yes || err != nil
		}
		yes = yes || path == own || !strings.HasPrefix(path, others)
	}
}

// find reads who serves the name. Only the owner of the node can be the one.
func (n *byName) find(ctx context.Context) (place, error) {
	v, err := n.c.Read(ctx, store.NoTx, n.path())
	if errors.Is(err, syscall.ENOENT) {
		return place{}, absent{errNoService}
	}
	if err != nil {
		return place{}, err
	}
	perms, err := n.c.Perms(ctx, store.NoTx, n.path())
	if err != nil && !errors.Is(err, syscall.ENOENT) {
		return place{}, err // a canceled call tells nothing
	}
	id, bad := strconv.ParseUint(v, 10, 16)
	back := platform.DomID(id)
	if err != nil || bad != nil || len(perms) == 0 || perms[0].Dom != back {
		return place{}, absent{errNoService} // half written, or a forgery
	}
	if n.at.back == "" || n.at.peer != back {
		if err := n.f.trust.accepts(n.c.dom, back); err != nil {
			return place{}, err
		}
		n.at, err = n.place(ctx, back)
	}
	return n.at, err
}

// place is where we shall meet a back end that we haven't met yet: at a device number that
// is free, since several processes may be one domain.
func (n *byName) place(ctx context.Context, back platform.DomID) (place, error) {
	device, own := n.f.spec.Protocol.Device, n.c.dom.ID()
	for {
		dev := nextDev()
		at := place{frontPath(device, own, dev), backPath(device, back, own, dev), back, dev}
		if there, err := n.c.Exists(ctx, store.NoTx, at.front); err != nil || !there {
			return at, err
		}
	}
}

// errNumber says that another process of our domain was faster with a device number.
var errNumber = errors.New("the device number was taken just now")

var errNoService = notConnected("no back end serves that name")

// appear makes our device directory and asks the back end to serve it.
func (n *byName) appear(ctx context.Context, at place) (store.State, error) {
	w := new(KeyWriter)
	w.Text("backend", at.back)
	w.Uint("backend-id", uint64(at.peer))
	w.Uint("virtual-device", uint64(at.dev))
	w.Text("state", store.StateInitialising.Value())
	err := n.c.Transaction(ctx, func(tx store.Tx) error {
		if there, err := n.c.Exists(ctx, tx, at.front); err != nil {
			return err
		} else if there {
			return errNumber
		}
		return fillDevice(ctx, n.c.Client, tx, n.c.dom.ID(), at.peer, at.front, w)
	})
	if err != nil {
		n.at = place{}
		return store.StateUnknown, fmt.Errorf("make the device directory: %w", err)
	}
	return store.StateInitialising, n.ask(ctx, at)
}

// ask creates the node that asks the service for a back end, if the service is there. It
// needs no transaction, which others who ask could keep from being committed. Of a service
// that was withdrawn just now, the watch of its name will tell.
func (n *byName) ask(ctx context.Context, at place) error {
	if there, err := n.c.Exists(ctx, store.NoTx, n.path()); err != nil || !there {
		return err
	}
	err := n.c.Write(ctx, store.NoTx, n.request(at), at.front)
	if err == nil {
		err = n.c.SetPerms(ctx, store.NoTx, n.request(at),
			store.Perm{Dom: n.c.dom.ID(), Rights: store.PermNone}, store.Perm{Dom: at.peer, Rights: store.PermRead})
	}
	if err == nil {
		err = n.undoFounding(ctx)
	}
	if err != nil && !errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("ask for service: %w", err)
	}
	return nil
}

// undoFounding removes the service's directory if we made it, because the service was
// withdrawn while we asked: the next who serves the name couldn't have it. A store with
// shared directories doesn't let us.
func (n *byName) undoFounding(ctx context.Context) error {
	perms, err := n.c.Perms(ctx, store.NoTx, n.path())
	if err != nil || len(perms) == 0 || perms[0].Dom != n.c.dom.ID() {
		return err
	}
	if v, err := n.c.Read(ctx, store.NoTx, n.path()); err != nil || v != "" {
		return err // another part of our domain serves it
	}
	return n.c.Remove(ctx, store.NoTx, n.path())
}

func (n *byName) delay(ctx context.Context) string {
	text, _ := n.c.Read(ctx, store.NoTx, n.path()+"/"+fullKey)
	return text
}

// insist asks for service again if our request is gone: a service that was
// withdrawn and announced anew by the same domain has forgotten it.
func (n *byName) insist(ctx context.Context, at place) error {
	there, err := n.c.Exists(ctx, store.NoTx, n.request(at))
	if err != nil || there {
		return err
	}
	return n.ask(ctx, at)
}

func (n *byName) disappear(ctx context.Context, at place) {
	removeDevice(ctx, n.c.Client, at.front)
	n.c.Remove(ctx, store.NoTx, n.request(at))
	if n.at == at {
		n.at = place{} // this process doesn't use a number again
	}
}
