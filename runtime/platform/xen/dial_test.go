//go:build linux

package xen

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/internal/testenv"
)

// busySocket listens as xenstored does, and lets its queue fill up.
func busySocket(t *testing.T) (fd int, path string) {
	t.Helper()
	testenv.Leaks(t)
	path = filepath.Join(t.TempDir(), "socket")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 1)); err != nil {
		t.Fatal(err)
	}
	for {
		conn, err := net.Dial("unix", path)
		if errors.Is(err, unix.EAGAIN) {
			return fd, path
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
}

// Xenstored may be busy with others.
func TestDialBusyStore(t *testing.T) {
	fd, path := busySocket(t)
	type result struct {
		conn io.Closer
		err  error
	}
	dialled := make(chan result)
	go func() {
		conn, err := dialStore(context.Background(), path)
		dialled <- result{conn, err}
	}()
	select {
	case r := <-dialled:
		t.Fatalf("connected to a full queue, or gave up: %v", r.err)
	case <-time.After(4 * redial):
	}
	accepted, _, err := unix.Accept(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(accepted)
	r := <-dialled
	if r.err != nil {
		t.Fatal(r.err)
	}
	r.conn.Close()
}

// Whoever doesn't want to wait for it needn't.
func TestDialBusyStoreCancelled(t *testing.T) {
	_, path := busySocket(t)
	ctx, cancel := context.WithTimeout(context.Background(), 4*redial)
	defer cancel()
	if _, err := dialStore(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it ended with %v", err)
	}
}
