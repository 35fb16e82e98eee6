//go:build linux

package host

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
)

// leaveTime bounds how long Close waits for a broker that doesn't answer.
const leaveTime = 2 * time.Second

// brokerTime bounds how long a question waits for it. It answers within proto.LinkTime
// unless it is stopped.
const brokerTime = 10 * time.Second

// errSilent says that the broker is there and does nothing.
var errSilent = errors.New("the broker doesn't answer")

// control is our connection with the broker.
type control struct {
	conn *sys.Packet
	path string
	gone chan struct{} // closed when the connection has ended
	questions
}

// dial connects to the broker's control socket.
func dial(ctx context.Context, path string) (*control, error) {
	if err := proto.CheckPath(path); err != nil {
		return nil, err
	}
	var nd net.Dialer
	c, err := nd.DialContext(ctx, "unixpacket", path+proto.ControlSuffix)
	switch {
	case err != nil && isNoBroker(err):
		return nil, fmt.Errorf("%w at %s; start one with: idc broker --socket %s", ErrNoBroker, path, path)
	case err != nil:
		return nil, fmt.Errorf("connect to the broker at %s: %w", path, err)
	}
	conn, err := sys.NewPacket(c.(*net.UnixConn))
	if err != nil {
		c.Close()
		return nil, err
	}
	return &control{conn: conn, path: path, gone: make(chan struct{})}, nil
}

// join says who we are and returns the broker's answer.
func (c *control) join(ctx context.Context, o options) (proto.Msg, error) {
	stop := context.AfterFunc(ctx, func() { c.conn.Close() })
	defer stop()
	err := send(c.conn, proto.Msg{
		Op: proto.Join, A: proto.Version, B: uint32(o.arenaPages), C: uint32(linkRoom()), Name: o.name,
	})
	if err != nil {
		return proto.Msg{}, err
	}
	m, fds, err := receive(c.conn)
	sys.CloseAll(fds)
	switch {
	case ctx.Err() != nil:
		return m, context.Cause(ctx)
	case err != nil:
		return m, fmt.Errorf("the broker hung up, as it does when this user, or all, have as many connections as they may: %w", err)
	case m.Op != proto.Welcome:
		return m, errors.New("what answers isn't a broker")
	case m.Status == proto.NoSpace:
		return m, fmt.Errorf("%w: the broker has as many domains as it may (MaxDomains)", m.Status.Err())
	case m.Status != proto.OK:
		return m, fmt.Errorf("refused: %w", m.Status.Err())
	case m.A == 0 || m.A >= uint32(platform.FirstReserved):
		return m, fmt.Errorf("the broker gave us the number %d", m.A)
	}
	return m, nil
}

// serve takes what the broker sends until the connection ends. notice is called for each
// notice, owns its descriptors, and returns the answer's status.
func (c *control) serve(notice func(proto.Msg, []int) proto.Status) {
	defer close(c.gone)
	defer c.questions.fail(ErrBrokerGone)
	defer c.conn.Close()
	for {
		m, fds, err := receive(c.conn)
		if err != nil {
			return
		}
		switch m.Op {
		case proto.Peer, proto.Ready, proto.Gone:
			err = send(c.conn, proto.Msg{Op: proto.Noted, A: m.A, Status: notice(m, fds)})
		case proto.Linked, proto.StoreIs:
			c.answer(m, fds)
		default:
			sys.CloseAll(fds)
		}
		if err != nil {
			return
		}
	}
}

// ask sends a question and waits for the answer.
func (c *control) ask(m proto.Msg) (answer, error) { return c.askFor(context.Background(), m) }

func (c *control) askFor(ctx context.Context, m proto.Msg) (answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, brokerTime, errSilent)
	defer cancel()
	return c.questions.ask(ctx, c.conn, m)
}

// leave tells the broker that we go, and waits until it has forgotten us.
func (c *control) leave() {
	if send(c.conn, proto.Msg{Op: proto.Leave}) == nil {
		select {
		case <-c.gone:
		case <-time.After(leaveTime):
		}
	}
	c.conn.Close()
}

// send sends one message; it never blocks.
func send(c *sys.Packet, m proto.Msg) error {
	var buf [proto.MaxSize]byte
	return c.Send(m.Append(buf[:0]))
}

// receive returns the broker's next message and its descriptors.
func receive(c *sys.Packet) (proto.Msg, []int, error) {
	var buf [proto.MaxSize]byte
	n, fds, err := c.RecvFDs(buf[:])
	if err != nil {
		return proto.Msg{}, nil, err
	}
	m, err := proto.Parse(buf[:n])
	if err != nil {
		sys.CloseAll(fds)
		return proto.Msg{}, nil, err
	}
	return m, fds, nil
}

// fdsPerLink is how many descriptors a link takes: the line, and two of memory.
const fdsPerLink = 3

// linkRoom is how many links we have descriptors for, when half of them are for links.
func linkRoom() int {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		return 1
	}
	return int(min(max(l.Cur/2/fdsPerLink, 1), math.MaxInt32))
}

// programName is the default name of a domain.
func programName() string { return filepath.Base(os.Args[0]) }
