package idc

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
)

// roll says which devices a service has to serve: those that were asked for under its
// name, or the one that a toolstack assigned. One goroutine uses it, on one connection
// to the store.
type roll interface {
	// open claims what is needed and begins to watch.
	open(ctx context.Context) error
	// watch tells when list may have changed.
	watch() *store.Watch
	// list names the devices. An absent error says why there can be none.
	list(ctx context.Context) ([]string, error)
	// owner is the domain that a device of the list is for, if it is what it claims to be.
	owner(node string) platform.DomID
	// notice is the node in which it is said that there are no more seats; "" for none.
	notice() string
	// locate tells where a device of the list is, if it is what it claims to be.
	locate(ctx context.Context, node string) (at place, ok bool)
	// close takes back what open claimed, and ends the watching.
	close()
}

func (s *Service) newRoll(c *storeConn) roll {
	if s.opt.device {
		return &assigned{s: s, c: c}
	}
	return &asked{s: s, c: c}
}

// asked is the roll of a name.
type asked struct {
	s *Service
	c *storeConn
	w *store.Watch
}

func (a *asked) path() string { return servicePath(a.s.spec.Protocol.Device, a.s.name) }

// open claims the name. A claim of a domain that is gone doesn't count: the store
// removes it with the domain.
func (a *asked) open(ctx context.Context) error {
	own := a.c.dom.ID()
	asking, err := a.rightToAsk(ctx)
	if err != nil {
		return err
	}
	err = a.c.Transaction(ctx, func(tx store.Tx) error {
		switch owner, err := a.c.Read(ctx, tx, a.path()); {
		case err == nil && owner != "":
			return fmt.Errorf("%w: %s %q is domain %s's", ErrTaken, a.s.spec.Protocol.Name, a.s.name, owner)
		case err != nil && !errors.Is(err, syscall.ENOENT):
			return err
		}
		if err := a.c.Write(ctx, tx, a.path(), strconv.Itoa(int(own))); err != nil {
			return err
		}
		if err := a.c.SetPerms(ctx, tx, a.path(), store.Perm{Dom: own, Rights: store.PermRead}); err != nil {
			return err
		}
		if err := a.c.Mkdir(ctx, tx, a.path()+"/fronts"); err != nil {
			return err
		}
		return a.c.SetPerms(ctx, tx, a.path()+"/fronts", store.Perm{Dom: own, Rights: asking})
	})
	if err != nil {
		return err
	}
	if a.w, err = a.c.Watch(ctx, a.path()+"/fronts"); err != nil {
		a.withdraw()
	}
	return err
}

// rightToAsk is the right that front ends need of us to make their requests: none where
// the store has shared directories (store.Shared); else they have to write there, as we
// have to where services are announced.
func (a *asked) rightToAsk(ctx context.Context) (store.Rights, error) {
	perms, err := a.c.Perms(ctx, store.NoTx, store.ServicesDir)
	if err != nil && !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.EACCES) {
		return store.PermNone, err
	}
	if len(perms) > 0 && perms[0].Rights&store.PermWrite == 0 && perms[0].Dom != a.c.dom.ID() {
		return store.PermNone, nil
	}
	return store.PermWrite, nil
}

func (a *asked) watch() *store.Watch { return a.w }

func (a *asked) list(ctx context.Context) ([]string, error) {
	nodes, err := a.c.List(ctx, store.NoTx, a.path()+"/fronts")
	if errors.Is(err, syscall.ENOENT) {
		return nil, nil
	}
	return nodes, err
}

func (a *asked) owner(node string) platform.DomID {
	front, _, _ := parseRequest(node)
	return front
}

func (a *asked) notice() string { return a.path() + "/" + fullKey }

// locate believes a node if the domain owns it that it speaks for.
func (a *asked) locate(ctx context.Context, node string) (place, bool) {
	front, dev, ok := parseRequest(node)
	if !ok {
		return place{}, false
	}
	perms, err := a.c.Perms(ctx, store.NoTx, a.path()+"/fronts/"+node)
	if err != nil || len(perms) == 0 || perms[0].Dom != front {
		return place{}, false
	}
	device := a.s.spec.Protocol.Device
	return place{frontPath(device, front, dev), backPath(device, a.c.dom.ID(), front, dev), front, dev}, true
}

func (a *asked) close() {
	a.w.Close()
	a.withdraw()
}

func (a *asked) withdraw() {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	if err := a.c.Remove(ctx, store.NoTx, a.path()); err != nil {
		a.s.log.Debug("cannot withdraw", "err", err)
	}
}

// assigned is the roll of one device that a toolstack made.
type assigned struct {
	s *Service
	c *storeConn
	w *store.Watch
}

func (a *assigned) dir() string {
	o := a.s.opt
	typ := o.backType
	if typ == "" {
		typ = a.s.spec.Protocol.Device
	}
	return backPath(typ, a.c.dom.ID(), o.peer, o.dev)
}

func (a *assigned) open(ctx context.Context) (err error) {
	a.w, err = a.c.Watch(ctx, a.dir())
	return err
}

func (a *assigned) watch() *store.Watch { return a.w }

// list is the device, while the toolstack wants it served.
func (a *assigned) list(ctx context.Context) ([]string, error) {
	own, err := readState(ctx, a.c.Client, a.dir())
	if err != nil {
		return nil, err
	}
	if own == store.StateUnknown {
		return nil, nowhere("no toolstack has made the device: %s/state isn't there", a.dir())
	}
	online, err := isOnline(ctx, a.c.Client, a.dir())
	if err == nil && !online && own == store.StateClosed {
		return nil, nowhere("the toolstack has taken the device away")
	}
	return []string{"device"}, err
}

func (a *assigned) owner(string) platform.DomID { return a.s.opt.peer }

func (a *assigned) notice() string { return "" }

// locate reads where the toolstack put the front end (read_frontend_details,
// drivers/xen/xenbus/xenbus_probe_backend.c).
func (a *assigned) locate(ctx context.Context, _ string) (place, bool) {
	o := a.s.opt
	at := place{frontPath(a.s.spec.Protocol.Device, o.peer, o.dev), a.dir(), o.peer, o.dev}
	front, err := a.c.Read(ctx, store.NoTx, a.dir()+"/frontend")
	if err != nil {
		return at, errors.Is(err, syscall.ENOENT)
	}
	id, err := a.c.Read(ctx, store.NoTx, a.dir()+"/frontend-id")
	if err == nil && id != strconv.Itoa(int(platform.DomID(o.peer))) || !store.ValidPath(front) {
		a.s.log.Warn("the device is another's", "frontend", brief(front), "frontend-id", brief(id), "want", o.peer)
		return place{}, false
	}
	at.front = front
	return at, true
}

func (a *assigned) close() { a.w.Close() }

// kept drops the names that aren't in nodes any more.
func kept[V any](m map[string]V, nodes []string) {
	if len(m) == 0 {
		return
	}
	there := make(map[string]bool, len(nodes))
	for _, node := range nodes {
		there[node] = true
	}
	for node := range m {
		if !there[node] {
			delete(m, node)
		}
	}
}
