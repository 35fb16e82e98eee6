//go:build linux

package sys

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Lifeline returns the two ends of a line that carries nothing and tells each side of
// the other's end, however that comes about. It is a socket pair that is shut down both
// ways before anybody has it: nobody can send through it, descriptors least of all, so
// closing it never blocks. In each direction lies one byte that nobody reads: a socket
// that is closed with something unread gives the other an error (ECONNRESET), which is
// how the end is told from the shutdown. Who reads the byte hides his end from this line,
// and has to be missed by other means.
func Lifeline() (a, b int, err error) {
	a, b, err = Pair(unix.SOCK_SEQPACKET)
	if err != nil {
		return -1, -1, err
	}
	_, err1 := unix.Write(a, []byte{0})
	_, err2 := unix.Write(b, []byte{0})
	if err := errors.Join(err1, err2, unix.Shutdown(a, unix.SHUT_RDWR)); err != nil {
		CloseAll([]int{a, b})
		return -1, -1, fmt.Errorf("make a line: %w", err)
	}
	return a, b, nil
}

// Line is one end of a Lifeline.
type Line struct {
	f   *os.File
	raw syscall.RawConn
}

// NewLine wraps a descriptor and owns it, also when it fails.
func NewLine(fd int) (*Line, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("set a line non-blocking: %w", err)
	}
	f := os.NewFile(uintptr(fd), "line")
	raw, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Line{f, raw}, nil
}

// Wait returns once the other end is closed, ours is, or over says so. Nudge from the
// other side makes it ask over again.
func (l *Line) Wait(over func() bool) {
	_ = l.raw.Read(func(fd uintptr) bool {
		fds := []unix.PollFd{{Fd: int32(fd)}}
		n, err := unix.Poll(fds, 0)
		return over() || err == nil && n > 0 && fds[0].Revents&unix.POLLERR != 0
	})
}

// Nudge has the other side's Wait look again.
func (l *Line) Nudge() {
	_ = l.raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
}

// Close ends our end, and a Wait for it.
func (l *Line) Close() { l.f.Close() }
