package nbd

import (
	"context"
	"errors"
	"syscall"
)

// Error values of replies (proto.md, "Error values"). They are the protocol's own,
// whatever numbers the errors have on this machine.
const (
	errPerm     = 1
	errIO       = 5
	errNoMem    = 12
	errInval    = 22
	errNoSpace  = 28
	errOverflow = 75
	errNotSup   = 95
	errShutdown = 108
)

// errno maps an error of a Disk to an error value; 0 for nil.
func errno(err error) uint32 {
	if err == nil {
		return 0
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return errShutdown
	}
	var no syscall.Errno
	if !errors.As(err, &no) {
		return errIO
	}
	switch no {
	case syscall.EPERM, syscall.EROFS, syscall.EACCES:
		return errPerm
	case syscall.ENOMEM:
		return errNoMem
	case syscall.EINVAL:
		return errInval
	case syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG:
		return errNoSpace
	case syscall.EOPNOTSUPP:
		return errNotSup
	}
	return errIO
}
