//go:build linux

package host_test

import (
	"context"
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
	"github.com/xenidc/idc/runtime/shm"
)

// liarPages is the size of a liar's arenas.
const liarPages = 64

// liar is a domain that speaks the broker's protocol by hand, and does with what it gets
// what it likes. Nothing in it is a test's, so that it can be another process, too.
type liar struct {
	control *sys.Packet
	id      platform.DomID
	room    uint32

	// What it has of the one peer that it was last linked with.
	line int
	fds  []int  // both, read-only
	both []byte // all of the memory that both write
	tell func(first bool, l *liar) proto.Status
	info proto.Msg // Ready
}

// newLiar joins the broker.
func newLiar(path string) (*liar, error) {
	l := &liar{line: -1, room: 4096, tell: honestly}
	var err error
	if l.control, err = dialControl(path); err != nil {
		return nil, err
	}
	if err := l.send(proto.Msg{Op: proto.Join, A: proto.Version, B: liarPages, C: l.room}); err != nil {
		return nil, err
	}
	m, _, err := l.receive()
	if err == nil && (m.Op != proto.Welcome || m.Status != proto.OK) {
		err = fmt.Errorf("join: %+v", m)
	}
	l.id = platform.DomID(m.A)
	return l, err
}

func dialControl(path string) (*sys.Packet, error) {
	var nd net.Dialer
	c, err := nd.DialContext(context.Background(), "unixpacket", path+proto.ControlSuffix)
	if err != nil {
		return nil, err
	}
	return sys.NewPacket(c.(*net.UnixConn))
}

// honestly populates the events of who asked for the link, as everybody should.
func honestly(first bool, l *liar) proto.Status {
	if first && sys.Populate(l.both[:2*host.EventSize]) != nil {
		return proto.NoSpace
	}
	return proto.OK
}

func (l *liar) send(m proto.Msg, fds ...int) error { return l.control.Send(m.Append(nil), fds...) }

func (l *liar) receive() (proto.Msg, []int, error) {
	var buf [proto.MaxSize]byte
	n, fds, err := l.control.RecvFDs(buf[:])
	if err != nil {
		return proto.Msg{}, nil, err
	}
	m, err := proto.Parse(buf[:n])
	return m, fds, err
}

// link asks for a link and takes its part in making it, until the broker answers.
func (l *liar) link(peer platform.DomID) (proto.Status, error) {
	if err := l.send(proto.Msg{Op: proto.Link, ID: 1, A: uint32(peer)}); err != nil {
		return 0, err
	}
	for {
		m, err := l.step()
		if err != nil || m.Op == proto.Linked {
			return m.Status, err
		}
	}
}

// step takes one message from the broker, and answers it.
func (l *liar) step() (proto.Msg, error) {
	m, fds, err := l.receive()
	if err != nil {
		return m, err
	}
	st := proto.OK
	switch m.Op {
	case proto.Peer:
		l.drop()
		l.line, l.fds = fds[0], fds[1:]
		size := 2*host.EventSize + int(m.B+m.C)*shm.PageSize
		if l.both, err = sys.Map(l.fds[0], 0, size, true); err != nil {
			return m, err
		}
		st = l.tell(m.Flags&proto.First != 0, l)
	case proto.Ready:
		l.info = m
		sys.CloseAll(fds)
	case proto.Gone:
	default:
		sys.CloseAll(fds)
		return m, nil
	}
	return m, l.send(proto.Msg{Op: proto.Noted, A: m.A, Status: st})
}

// first is the liar's memory where it was the one that asked: its own events, the
// victim's, its own arena.
func (l *liar) first() (mine, theirs, arena shm.Memory) {
	m := shm.Of(l.both)
	return m.Slice(0, host.EventSize), m.Slice(host.EventSize, host.EventSize), m.Slice(2*host.EventSize, liarPages*shm.PageSize)
}

// drop lets go of the link.
func (l *liar) drop() {
	sys.Unmap(l.both)
	sys.CloseAll(append(l.fds, l.line))
	l.both, l.fds, l.line = nil, nil, -1
}

func (l *liar) close() {
	l.drop()
	l.control.Close()
}

// blocks is how many pages the memory that both write has.
func (l *liar) blocks() (int, error) {
	var st unix.Stat_t
	if len(l.fds) == 0 {
		return 0, errors.New("no link")
	}
	err := unix.Fstat(l.fds[0], &st)
	return int(st.Blocks) * 512 / shm.PageSize, err
}
