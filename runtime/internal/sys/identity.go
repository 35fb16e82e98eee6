//go:build linux

package sys

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// PeerCred returns who is at the other end of a unix socket: who called connect,
// as the kernel recorded it then. Its number is 0 where that process has none here,
// being of another process namespace.
func PeerCred(c syscall.Conn) (*unix.Ucred, error) {
	var cred *unix.Ucred
	err := control(c, func(fd int) (err error) {
		cred, err = unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("SO_PEERCRED: %w", err)
	}
	return cred, nil
}

// Process is a process, whatever becomes of its number. The zero value, and nil, are
// none.
type Process struct{ fd int }

// PeerProcess returns the process at the other end of a unix socket, where the kernel
// tells: by SO_PEERPIDFD (since Linux 6.5), else by its number, which is checked to be
// that of a process that lives. It is nil where neither can be had. The caller closes it.
func PeerProcess(c syscall.Conn, cred *unix.Ucred) *Process {
	fd := -1
	err := control(c, func(s int) (err error) {
		fd, err = unix.GetsockoptInt(s, unix.SOL_SOCKET, unix.SO_PEERPIDFD)
		return err
	})
	if err != nil && errors.Is(err, unix.ENOPROTOOPT) && cred.Pid > 0 {
		fd, err = unix.PidfdOpen(int(cred.Pid), 0)
	}
	if err != nil || fd < 0 {
		return nil
	}
	return &Process{fd}
}

// Same reports whether two are one process: by the inode of the descriptor where each
// process has its own (since Linux 6.9), else sameNumber decides, which the caller
// knows, as long as both live: a number isn't given away while its process is there.
func (p *Process) Same(q *Process, sameNumber bool) bool {
	if p == nil || q == nil {
		return false
	}
	var a, b unix.Stat_t
	var fs unix.Statfs_t
	if unix.Fstat(p.fd, &a) != nil || unix.Fstat(q.fd, &b) != nil || unix.Fstatfs(p.fd, &fs) != nil {
		return false
	}
	if fs.Type == unix.PID_FS_MAGIC {
		return a.Dev == b.Dev && a.Ino == b.Ino
	}
	return sameNumber && p.lives() && q.lives()
}

// lives reports whether the process hasn't ended.
func (p *Process) lives() bool {
	fds := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n == 0
}

// Close lets go of the process, which goes on.
func (p *Process) Close() {
	if p != nil {
		unix.Close(p.fd)
	}
}

// control calls f with the descriptor of a connection.
func control(c syscall.Conn, f func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	cerr := raw.Control(func(fd uintptr) { err = f(int(fd)) })
	return errors.Join(cerr, err)
}
