//go:build linux

package broker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/internal/sys"
)

// lockFile keeps a path to one broker: flock on a file beside the socket, released
// by the kernel however the broker ends.
type lockFile struct{ f *os.File }

// acquire takes the lock. A file that was removed between open and flock is left,
// and the next one tried.
func acquire(path string) (*lockFile, error) {
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lock file: %w", err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			f.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, ErrRunning
			}
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if sameFile(f, path) {
			return &lockFile{f}, nil
		}
		f.Close()
	}
}

func sameFile(f *os.File, path string) bool {
	a, err1 := f.Stat()
	b, err2 := os.Stat(path)
	return err1 == nil && err2 == nil && os.SameFile(a, b)
}

// release removes the file while it is locked, then lets go.
func (l *lockFile) release() {
	os.Remove(l.f.Name())
	l.f.Close()
}

// listen makes a listening socket at path. The caller holds the lock, so a socket
// there that refuses connections was left by a broker that died, and is replaced.
func listen(network, path string, mode fs.FileMode) (*net.UnixListener, error) {
	if err := removeStale(network, path); err != nil {
		return nil, err
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		// bind takes the mode from the socket's own inode: there is no moment at
		// which the file is more open than it should be.
		cerr := c.Control(func(fd uintptr) {
			err = unix.Fchmod(int(fd), uint32(mode.Perm()))
			refuseRights(int(fd))
		})
		return errors.Join(cerr, err)
	}}
	l, err := lc.Listen(context.Background(), network, path)
	if err != nil {
		return nil, err
	}
	// The umask took bits that the mode asks for.
	if err := os.Chmod(path, mode.Perm()); err != nil {
		l.Close()
		return nil, err
	}
	return l.(*net.UnixListener), nil
}

// removeStale removes a socket that nobody serves.
func removeStale(network, path string) error {
	fi, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if fi.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s exists and is not a socket: remove it, or choose another path", path)
	}
	c, err := net.DialTimeout(network, path, time.Second)
	if err == nil {
		c.Close()
		return fmt.Errorf("%w: something else serves %s", ErrRunning, path)
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}

// refuseRights has the kernel refuse descriptors, where it can; a test has it not.
var refuseRights = func(fd int) { sys.RefuseRights(fd) }

// pause is how long a failed accept waits before the next.
func pause() { time.Sleep(50 * time.Millisecond) }
