//go:build linux

package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Structures of xen/evtchn.h, each a few unsigned ints.
type (
	evtchnBind   struct{ domain, port uint32 } // ioctl_evtchn_bind_interdomain
	evtchnListen struct{ domain uint32 }       // ioctl_evtchn_bind_unbound_port
	evtchnPort   struct{ port uint32 }         // ioctl_evtchn_unbind, ioctl_evtchn_notify
)

var (
	ioctlEvtchnBind   = ioc('E', 1, unsafe.Sizeof(evtchnBind{}))
	ioctlEvtchnListen = ioc('E', 2, unsafe.Sizeof(evtchnListen{}))
	ioctlEvtchnUnbind = ioc('E', 3, unsafe.Sizeof(evtchnPort{}))
	ioctlEvtchnNotify = ioc('E', 4, unsafe.Sizeof(evtchnPort{}))
	ioctlEvtchnReset  = ioc('E', 5, 0)
)

// EvtchnListen allocates a port that a domain may bind. The port's number is the
// ioctl's result.
func EvtchnListen(fd int, domid uint16) (uint32, error) {
	op := evtchnListen{uint32(domid)}
	port, err := ioctl(fd, ioctlEvtchnListen, unsafe.Pointer(&op))
	return uint32(port), err
}

// EvtchnBind binds a new port to one of a domain's. ESRCH means that there is no
// such domain, EINVAL that the port isn't for us.
func EvtchnBind(fd int, domid uint16, remote uint32) (uint32, error) {
	op := evtchnBind{uint32(domid), remote}
	port, err := ioctl(fd, ioctlEvtchnBind, unsafe.Pointer(&op))
	return uint32(port), err
}

// EvtchnUnbind closes a port.
func EvtchnUnbind(fd int, port uint32) error {
	op := evtchnPort{port}
	_, err := ioctl(fd, ioctlEvtchnUnbind, unsafe.Pointer(&op))
	return err
}

// EvtchnNotify makes an event pending on the remote end of a port. Where there is
// none, nothing happens.
func EvtchnNotify(fd int, port uint32) error {
	op := evtchnPort{port}
	_, err := ioctl(fd, ioctlEvtchnNotify, unsafe.Pointer(&op))
	return err
}

// EvtchnReset empties the descriptor's queue of events after it overflowed (EFBIG).
func EvtchnReset(fd int) error {
	_, err := ioctl(fd, ioctlEvtchnReset, nil)
	return err
}

// EvtchnTake takes an event off the descriptor's queue, whose port is masked from
// now on. When there is none it waits, or fails with EAGAIN if the descriptor doesn't
// block. It fails with EFBIG when the queue overflowed.
func EvtchnTake(fd int) (port uint32, err error) {
	var b [4]byte
	for {
		n, err := unix.Read(fd, b[:])
		if err == unix.EINTR {
			continue
		}
		if err == nil && n != len(b) {
			err = unix.EIO
		}
		return *(*uint32)(unsafe.Pointer(&b)), err
	}
}

// EvtchnUnmask lets the port fire again. What happened while it was masked is an
// event at once.
func EvtchnUnmask(fd int, port uint32) error {
	b := *(*[4]byte)(unsafe.Pointer(&port))
	for {
		if _, err := unix.Write(fd, b[:]); err != unix.EINTR {
			return err
		}
	}
}
