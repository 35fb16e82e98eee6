//go:build linux

package xen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
)

// storePaths are where the store may be, the best first. The socket answers faster,
// and reports errors as the protocol does.
var storePaths = []string{
	"/run/xenstored/socket",
	"/var/run/xenstored/socket",
	"/dev/xen/xenbus",
	"/proc/xen/xenbus",
}

// findStore returns the first place that is there. The environment has the first
// word, as for Xen's own tools.
func findStore() string {
	if path := os.Getenv("XENSTORED_PATH"); path != "" {
		return path
	}
	for _, path := range storePaths {
		if fi, err := os.Stat(path); err == nil && !fi.IsDir() {
			return path
		}
	}
	return storePaths[2]
}

// dialStore opens a connection that behaves as one to xenstored's socket does.
func dialStore(ctx context.Context, path string) (io.ReadWriteCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("xen: dial the store: %w", err)
	}
	fi, err := os.Stat(path)
	if err != nil {
		return nil, explainDevice(path, "", errnoOf(err), onXen())
	}
	if fi.Mode()&fs.ModeSocket != 0 {
		return dialSocket(ctx, path)
	}
	fd, err := sys.OpenDevice(path)
	if err != nil {
		return nil, explainDevice(path, "", err, onXen())
	}
	return newXenbus(os.NewFile(uintptr(fd), filepath.Base(path))), nil
}

// Where xenstored is busy, connections are tried again so often, for so long. It lets
// only one wait (tools/xenstore/xenstored_core.c: listen(2) with a backlog of 1), and to
// connect to a full queue fails at once (connect(2), EAGAIN).
const (
	redial     = 5 * time.Millisecond
	redialMost = 10 * time.Second
)

// dialSocket connects to xenstored.
func dialSocket(ctx context.Context, path string) (io.ReadWriteCloser, error) {
	for end := time.Now().Add(redialMost); ; {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
		switch {
		case err == nil:
			return conn, nil
		case !errors.Is(err, unix.EAGAIN) || time.Now().After(end):
			return nil, fmt.Errorf("xen: dial the store: %w: is xenstored running, and may this user use %s?", err, path)
		}
		select {
		case <-time.After(redial):
		case <-ctx.Done():
			return nil, fmt.Errorf("xen: dial the store: %w (%w)", err, context.Cause(ctx))
		}
	}
}

// errnoOf is the cause within a PathError, which explainDevice makes anew.
func errnoOf(err error) error {
	if pe, ok := err.(*fs.PathError); ok {
		return pe.Err
	}
	return err
}

// DialStore opens a connection to the store that speaks as this domain: in dom0
// that is privileged. Through the kernel's device it behaves as through xenstored's
// socket.
func (d *Domain) DialStore(ctx context.Context) (io.ReadWriteCloser, error) {
	if err := d.enter(); err != nil {
		return nil, d.wrap("dial the store", err)
	}
	d.leave()
	conn, err := dialStore(ctx, d.opts.store)
	if err != nil {
		return nil, err
	}
	s := &storeConn{ReadWriteCloser: conn, of: &d.stores}
	if !d.stores.add(s) {
		conn.Close()
		return nil, d.wrap("dial the store", platform.ErrClosed)
	}
	return s, nil
}

// storeConn is a store connection that Close of its domain closes too.
type storeConn struct {
	io.ReadWriteCloser
	of *connections
}

func (s *storeConn) Close() error {
	s.of.drop(s)
	return s.ReadWriteCloser.Close()
}

// connections are the store connections of a domain.
type connections struct {
	mu     sync.Mutex
	closed bool
	open   map[*storeConn]struct{}
}

// add is false after close.
func (c *connections) add(s *storeConn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	if c.open == nil {
		c.open = map[*storeConn]struct{}{}
	}
	c.open[s] = struct{}{}
	return true
}

func (c *connections) drop(s *storeConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, s)
}

func (c *connections) close() {
	c.mu.Lock()
	c.closed = true
	open := c.open
	c.open = nil
	c.mu.Unlock()
	for s := range open {
		s.ReadWriteCloser.Close()
	}
}
