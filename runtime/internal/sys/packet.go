//go:build linux

package sys

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"golang.org/x/sys/unix"
)

var (
	// ErrFull says that the peer doesn't read what it is sent.
	ErrFull = errors.New("socket buffer is full")
	// ErrPacket says that a packet was longer than the protocol knows, or carried
	// descriptors that it doesn't know.
	ErrPacket = errors.New("malformed packet")
)

// Packet is a connected socket of type SOCK_SEQPACKET. One goroutine may receive while
// any number send.
//
// Descriptors travel one way alone, from who is trusted to who trusts. Taking one from a
// stranger isn't safe in any way: whoever holds it last closes it, and a close can block
// (SO_LINGER, a terminal, a network file). So [Packet.Recv] takes none: the kernel drops
// what comes, within the receiving thread, which the sender can block so, and nobody
// else; the caller bounds how many senders there are.
type Packet struct {
	c   io.Closer
	raw syscall.RawConn
}

// RefuseRights has the kernel fail whoever sends descriptors to a unix socket, or to one
// that is accepted from it (SO_PASSRIGHTS, since Linux 6.16). Before, it is false.
func RefuseRights(fd int) bool {
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSRIGHTS, 0) == nil
}

// NewPacket wraps a *net.UnixConn or an *os.File that is in Go's poller.
func NewPacket(c interface {
	io.Closer
	syscall.Conn
}) (*Packet, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &Packet{c, raw}, nil
}

// Pair returns the two ends of a new connection of the given type
// (unix.SOCK_SEQPACKET or unix.SOCK_STREAM), non-blocking.
func Pair(typ int) (a, b int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, typ|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, -1, fmt.Errorf("socketpair: %w", err)
	}
	return fds[0], fds[1], nil
}

// Close ends the connection. A blocked Recv returns an error. It waits for that Recv, and
// what was sent to us and not received is dropped within it: see Recv for who can block it.
func (p *Packet) Close() error { return p.c.Close() }

// ShutDown ends a connection for both sides without waiting for anything: a blocked Recv
// returns, and whoever received closes it.
func ShutDown(c syscall.Conn) {
	_ = control(c, func(fd int) error { return unix.Shutdown(fd, unix.SHUT_RDWR) })
}

// Send sends one packet with descriptors, which stay the caller's. It never
// blocks: it fails with ErrFull when the peer doesn't read.
func (p *Packet) Send(msg []byte, fds ...int) error {
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	var err error
	werr := p.raw.Write(func(fd uintptr) bool {
		err = retry(func() error {
			return unix.Sendmsg(int(fd), msg, oob, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		})
		return true
	})
	if werr != nil {
		return werr
	}
	if errors.Is(err, unix.EAGAIN) {
		return ErrFull
	}
	return err
}

// Recv waits for a packet and copies it to buf. The end of the connection is io.EOF. A
// packet that doesn't fit buf, or that carried descriptors, gives ErrPacket.
func (p *Packet) Recv(buf []byte) (n int, err error) {
	n, _, err = p.recv(buf, nil)
	return n, err
}

// MaxFDs bounds the descriptors of a packet.
const MaxFDs = 4

// RecvFDs is Recv of a packet that may carry up to MaxFDs descriptors, which are the
// caller's. The sender is trusted.
func (p *Packet) RecvFDs(buf []byte) (n int, fds []int, err error) {
	var space [128]byte // room for MaxFDs descriptors and one header, on every ABI
	return p.recv(buf, space[:unix.CmsgSpace(MaxFDs*4)])
}

func (p *Packet) recv(buf, oob []byte) (n int, fds []int, err error) {
	var noob, flags int
	rerr := p.raw.Read(func(fd uintptr) bool {
		err = retry(func() (err error) {
			n, noob, flags, _, err = unix.Recvmsg(int(fd), buf, oob, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
			return err
		})
		return !errors.Is(err, unix.EAGAIN)
	})
	if rerr != nil {
		return 0, nil, rerr
	}
	if err != nil {
		return 0, nil, err
	}
	fds = rights(oob[:noob])
	if flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		CloseAll(fds)
		return 0, nil, ErrPacket
	}
	if n == 0 {
		CloseAll(fds)
		return 0, nil, io.EOF
	}
	return n, fds, nil
}

// rights returns the descriptors in control messages. What can't be parsed holds
// none: the kernel wrote it.
func rights(oob []byte) (fds []int) {
	if len(oob) == 0 {
		return nil
	}
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	for i := range msgs {
		got, err := unix.ParseUnixRights(&msgs[i])
		if err == nil {
			fds = append(fds, got...)
		}
	}
	return fds
}

// CloseAll closes descriptors; those below 0 are none.
func CloseAll(fds []int) {
	for _, fd := range fds {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
