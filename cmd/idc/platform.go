//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host"
	"github.com/xenidc/idc/runtime/platform/xen"
	"github.com/xenidc/idc/runtime/store"
)

// platformFlag is the value of --platform: host, host:PATH, xen or xen:STORE.
type platformFlag struct {
	xen  bool
	path string // of the broker's socket, or of Xen's store; empty: the usual one
}

// UnmarshalText reads the flag.
func (p *platformFlag) UnmarshalText(text []byte) error {
	kind, path, named := strings.Cut(string(text), ":")
	switch {
	case kind != "host" && kind != "xen":
		return fmt.Errorf("platform %q is unknown; there is host, or host:PATH for a broker's socket elsewhere, and xen, or xen:PATH for a store elsewhere", text)
	case named && path == "":
		return fmt.Errorf("platform %s: names no socket; write %s:PATH, or %s for the default", kind, kind, kind)
	}
	p.xen, p.path = kind == "xen", path
	return nil
}

// errNoBroker says that a command is about a broker, of which Xen has none.
var errNoBroker = errors.New("there is no broker on platform xen: the domains and the store are Xen's; leave --platform away")

// socket returns the path of the broker's socket.
func (p platformFlag) socket() (string, error) {
	switch {
	case p.xen:
		return "", errNoBroker
	case p.path != "":
		return p.path, nil
	}
	return host.DefaultPath()
}

// join makes this process a domain, or part of the Xen domain that it runs in.
func (e *env) join(name string) (platform.Domain, error) {
	if e.platform.xen {
		return e.joinXen()
	}
	path, err := e.platform.socket()
	if err != nil {
		return nil, err
	}
	d, err := host.Join(e.ctx, path, host.WithName(name))
	if err != nil {
		return nil, explainBroker(path, err)
	}
	return d, nil
}

func (e *env) joinXen() (platform.Domain, error) {
	d, err := xen.Join(e.ctx, xen.WithStore(e.platform.path))
	if err != nil {
		return nil, err
	}
	return d, nil
}

// tellAbandoned warns of memory that the kernel keeps because a back end has it mapped.
func (e *env) tellAbandoned(d platform.Domain) {
	x, ok := d.(*xen.Domain)
	if !ok {
		return
	}
	if n := x.Stats().Abandoned; n > 0 {
		e.log.Warn("the back end holds pages of ours: the kernel keeps them until it lets go or ends", "pages", n)
	}
}

// toolstack opens the store with all the rights that this process may have: those of
// the broker's user on the host, those of the domain on Xen.
func (e *env) toolstack(d platform.Domain) (*store.Client, error) {
	dial := d.DialStore
	if h, ok := d.(*host.Domain); ok {
		dial = h.DialToolstack
	}
	conn, err := dial(e.ctx)
	if err != nil {
		return nil, err
	}
	return store.NewClient(conn), nil
}

// dialStore opens the store as this user, not as a domain of the host platform.
func (e *env) dialStore() (*store.Client, error) {
	if e.platform.xen {
		return e.dialXenStore()
	}
	path, err := e.platform.socket()
	if err != nil {
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(e.ctx, "unix", path)
	if err != nil {
		return nil, explainBroker(path, err)
	}
	return store.NewClient(conn), nil
}

// dialXenStore opens the store of the Xen domain that this process runs in. The domain
// is left when the connection ends.
func (e *env) dialXenStore() (*store.Client, error) {
	d, err := e.joinXen()
	if err != nil {
		return nil, err
	}
	conn, err := d.DialStore(e.ctx)
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	c := store.NewClient(conn)
	go func() {
		<-c.Done()
		d.Close()
	}()
	return c, nil
}

// explainBroker says what to do about a broker that can't be reached.
func explainBroker(path string, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, host.ErrNoBroker), errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		// What err says besides is the same in other words.
		return fmt.Errorf("%w at %s; start one with 'idc broker --socket %s &', or name another with --platform host:PATH", host.ErrNoBroker, path, path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the broker at %s belongs to another user; start your own with 'idc broker &' and leave --platform away: %w", path, err)
	}
	return fmt.Errorf("broker at %s: %w", path, err)
}
