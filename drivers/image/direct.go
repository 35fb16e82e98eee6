//go:build linux

package image

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// openDirect opens the image once more, past the page cache. What holds it may not
// be able to (tmpfs, some network file systems); then everything goes through the
// cache, as it does for a request whose memory isn't aligned enough.
func (i *Image) openDirect(flags int) {
	// By the descriptor's name in /proc: path may be another file's by now.
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", i.fd), flags|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err == nil {
		i.direct = fd
	}
}

// Direct says whether requests go past the page cache, as far as is known yet.
func (i *Image) Direct() bool { return i.direct >= 0 && !i.noDirect.Load() }

// vectored is preadv(2) or pwritev(2).
type vectored func(fd int, bufs [][]byte, off int64) (int, error)

// call makes one system call for bufs, past the page cache if that's possible.
func (i *Image) call(f vectored, bufs [][]byte, off int64) (int, error) {
	if !i.Direct() {
		return f(i.fd, bufs, off)
	}
	n, err := f(i.direct, bufs, off)
	switch {
	case err == nil && n > 0 || errors.Is(err, unix.EINTR):
		return n, err
	case errors.Is(err, unix.EFAULT):
		i.noDirect.Store(true) // this kind of memory can't be reached by devices
	}
	return f(i.fd, bufs, off) // EINVAL: this request isn't aligned; or it tells the error
}
