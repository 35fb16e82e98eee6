package store

import (
	"errors"
	"fmt"
	"syscall"
)

// Error is a refusal by the store. errors.Is matches it against syscall.ENOENT and
// the like, and through those against fs.ErrNotExist, fs.ErrExist and
// fs.ErrPermission.
type Error struct {
	Op    Type          // the request that was refused
	Path  string        // its path, or "" when it has none
	Errno syscall.Errno // one of the sixteen that the wire can carry
}

// Error says what was refused, where and why.
func (e *Error) Error() string {
	why := e.Errno.Error()
	if e.Errno == syscall.ENOSPC {
		why = quotaReached(e.Op)
	}
	if e.Path == "" {
		return fmt.Sprintf("xenstore %v: %s", e.Op, why)
	}
	return fmt.Sprintf("xenstore %v %s: %s", e.Op, e.Path, why)
}

// quotaReached says in words what ENOSPC means for a request.
func quotaReached(op Type) string {
	names := "nodes, memory or node-size"
	switch op {
	case TypeWatch:
		names = "watches"
	case TypeTransactionStart:
		names = "transactions"
	case TypeSetPerms:
		names = "node-permissions, memory or node-size"
	}
	return "what the domain, or its user, may hold is used up: raise its quota of " + names +
		" (idc broker --quota, or xenstored's own options)"
}

// Unwrap returns the errno.
func (e *Error) Unwrap() error { return e.Errno }

var (
	// ErrClosed is the cause told to every waiter after Client.Close or Server.Close,
	// and by a Watch after its own Close.
	ErrClosed = errors.New("xenstore: closed")
	// ErrProtocol says that the other side sent what the protocol doesn't allow.
	ErrProtocol = errors.New("xenstore: protocol violation")
)

// errnos are the errors that the wire carries, by name (xsd_errors, xs_wire.h).
var errnos = []struct {
	errno syscall.Errno
	name  string
}{
	{syscall.EINVAL, "EINVAL"},
	{syscall.EACCES, "EACCES"},
	{syscall.EEXIST, "EEXIST"},
	{syscall.EISDIR, "EISDIR"},
	{syscall.ENOENT, "ENOENT"},
	{syscall.ENOMEM, "ENOMEM"},
	{syscall.ENOSPC, "ENOSPC"},
	{syscall.EIO, "EIO"},
	{syscall.ENOTEMPTY, "ENOTEMPTY"},
	{syscall.ENOSYS, "ENOSYS"},
	{syscall.EROFS, "EROFS"},
	{syscall.EBUSY, "EBUSY"},
	{syscall.EAGAIN, "EAGAIN"},
	{syscall.EISCONN, "EISCONN"},
	{syscall.E2BIG, "E2BIG"},
	{syscall.EPERM, "EPERM"},
}

// errnoName is the wire's name of e; EINVAL for one that it has no name for, as in
// xenstored.
func errnoName(e syscall.Errno) string {
	for _, x := range errnos {
		if x.errno == e {
			return x.name
		}
	}
	return "EINVAL"
}

// errnoByName is the inverse. A name that we don't know is EINVAL, as in libxenstore.
func errnoByName(name string) syscall.Errno {
	for _, x := range errnos {
		if x.name == name {
			return x.errno
		}
	}
	return syscall.EINVAL
}
