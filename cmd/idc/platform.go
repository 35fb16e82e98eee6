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

	"github.com/xenidc/idc/runtime/platform/host"
	"github.com/xenidc/idc/runtime/store"
)

// platformFlag is the value of --platform: host, or host:PATH.
type platformFlag struct{ path string }

// UnmarshalText reads the flag.
func (p *platformFlag) UnmarshalText(text []byte) error {
	kind, path, named := strings.Cut(string(text), ":")
	switch {
	case kind != "host":
		return fmt.Errorf("platform %q is unknown; there is host, or host:PATH for a broker's socket elsewhere", text)
	case named && path == "":
		return errors.New("platform host: names no socket; write host:PATH, or host for the default")
	}
	p.path = path
	return nil
}

// socket returns the path of the broker's socket.
func (p platformFlag) socket() (string, error) {
	if p.path != "" {
		return p.path, nil
	}
	return host.DefaultPath()
}

// join makes this process a domain.
func (e *env) join(name string) (*host.Domain, error) {
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

// dialStore opens the store as this user, not as a domain.
func (e *env) dialStore() (*store.Client, error) {
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
