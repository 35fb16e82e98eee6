//go:build linux

package sys

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

var (
	// ErrFull says that the peer doesn't read what it is sent.
	ErrFull = errors.New("socket buffer is full")
	// ErrPacket says that a packet was longer, or carried more descriptors, than
	// the protocol knows.
	ErrPacket = errors.New("malformed packet")
)

// Packet is a connected socket of type SOCK_SEQPACKET that carries descriptors.
// One goroutine may receive while any number send.
type Packet struct {
	c   io.Closer
	raw syscall.RawConn
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

// PacketOf wraps a descriptor and owns it, also when it fails.
func PacketOf(fd int) (*Packet, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("set a socket non-blocking: %w", err)
	}
	return NewPacket(os.NewFile(uintptr(fd), "link"))
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

// Close ends the connection. A blocked Recv returns an error.
func (p *Packet) Close() error { return p.c.Close() }

// CloseWrite says that nothing more will be sent: the other side receives what is
// on its way, then io.EOF.
func (p *Packet) CloseWrite() {
	_ = p.raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_WR) })
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

// maxFDs bounds the descriptors of a packet. The kernel closes those beyond the
// space that we offer.
const maxFDs = 4

// Recv waits for a packet and copies it to buf. It returns the packet's length and
// its descriptors, which are the caller's. The end of the connection is io.EOF.
// A packet that doesn't fit buf, or that carries too many descriptors, is dropped
// whole and gives ErrPacket.
func (p *Packet) Recv(buf []byte) (n int, fds []int, err error) {
	var space [128]byte // room for maxFDs descriptors and one header, on every ABI
	oob := space[:unix.CmsgSpace(maxFDs*4)]
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

// CloseAll closes descriptors.
func CloseAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// PeerCred returns who is at the other end of a unix socket: who called connect,
// as the kernel recorded it then.
func PeerCred(c syscall.Conn) (*unix.Ucred, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	cerr := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if cerr != nil {
		return nil, cerr
	}
	if err != nil {
		return nil, fmt.Errorf("SO_PEERCRED: %w", err)
	}
	return cred, nil
}
