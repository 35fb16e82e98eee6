//go:build linux

package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
)

// leaveTime bounds how long Close waits for a broker that doesn't answer.
const leaveTime = 5 * time.Second

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
func (c *control) join(ctx context.Context, name string) (proto.Msg, error) {
	stop := context.AfterFunc(ctx, func() { c.conn.Close() })
	defer stop()
	if err := send(c.conn, proto.Msg{Op: proto.Join, A: proto.Version, Name: name}); err != nil {
		return proto.Msg{}, err
	}
	m, fd, err := receive(c.conn)
	closeFD(fd)
	switch {
	case ctx.Err() != nil:
		return m, context.Cause(ctx)
	case err != nil:
		return m, fmt.Errorf("the broker hung up: %w", err)
	case m.Op != proto.Welcome:
		return m, errors.New("what answers isn't a broker")
	case m.Status != proto.OK:
		return m, fmt.Errorf("refused: %w", m.Status.Err())
	case m.A == 0 || m.A >= uint32(platform.FirstReserved):
		return m, fmt.Errorf("the broker gave us the number %d", m.A)
	}
	return m, nil
}

// serve takes what the broker sends until the connection ends. introduced is called
// for each new link and owns its descriptor.
func (c *control) serve(introduced func(proto.Msg, int)) {
	defer close(c.gone)
	defer c.questions.fail(ErrBrokerGone)
	defer c.conn.Close()
	for {
		m, fd, err := receive(c.conn)
		if err != nil {
			return
		}
		switch {
		case m.Op == proto.Peer && fd >= 0:
			introduced(m, fd)
		case m.Op == proto.Linked, m.Op == proto.StoreIs:
			c.answer(m, fd)
		default:
			closeFD(fd)
		}
	}
}

// ask sends a question and waits for the answer.
func (c *control) ask(ctx context.Context, m proto.Msg) (answer, error) {
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
func send(c *sys.Packet, m proto.Msg, fds ...int) error {
	var buf [proto.MaxSize]byte
	return c.Send(m.Append(buf[:0]), fds...)
}

// receive returns the next message and its one descriptor, or -1. More than one
// breaks the protocol.
func receive(c *sys.Packet) (proto.Msg, int, error) {
	var buf [proto.MaxSize]byte
	n, fds, err := c.Recv(buf[:])
	if err != nil {
		return proto.Msg{}, -1, err
	}
	m, err := proto.Parse(buf[:n])
	if err == nil && len(fds) > 1 {
		err = sys.ErrPacket
	}
	if err != nil {
		sys.CloseAll(fds)
		return proto.Msg{}, -1, err
	}
	if len(fds) == 0 {
		return m, -1, nil
	}
	return m, fds[0], nil
}

// programName is the default name of a domain.
func programName() string { return filepath.Base(os.Args[0]) }
