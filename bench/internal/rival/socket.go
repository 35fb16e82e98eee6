package rival

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"

	"github.com/xenidc/idc/bench/internal/measure"
)

// buffer is the size of the buffers on both ends of a connection.
const buffer = 64 << 10

func serveSocket(o Op) func(context.Context, string, func()) error {
	return func(ctx context.Context, dir string, ready func()) error {
		s, err := newServer(o, dir)
		if err != nil {
			return err
		}
		l, err := net.Listen("unix", filepath.Join(dir, "s"))
		if err != nil {
			return err
		}
		context.AfterFunc(ctx, func() { l.Close() })
		ready()
		for {
			c, err := l.Accept()
			if err != nil {
				return ctx.Err()
			}
			go s.answer(c)
		}
	}
}

// answer serves one connection. Answers are kept while more requests wait, as a
// server that wants speed would.
func (s *server) answer(c net.Conn) {
	defer c.Close()
	r, w := bufio.NewReaderSize(c, buffer), bufio.NewWriterSize(c, buffer)
	msg := make([]byte, message)
	var data []byte
	for {
		if _, err := io.ReadFull(r, msg); err != nil {
			return
		}
		out, in := int(binary.LittleEndian.Uint32(msg)), int(binary.LittleEndian.Uint32(msg[8:]))
		if n := max(out, in); n > len(data) {
			data = make([]byte, n)
		}
		if _, err := io.ReadFull(r, data[:out]); err != nil {
			return
		}
		if err := s.fetch(msg, data[:in]); err != nil {
			return
		}
		w.Write(msg)
		w.Write(data[:in])
		if r.Buffered() < message {
			if err := w.Flush(); err != nil {
				return
			}
		}
	}
}

// Socket sends requests over a Unix socket. At depth 1 it waits for the answer
// before it sends again. Beyond that it collects what it sends while it has more,
// if batch says so; else each request is a system call.
func Socket(o Op, batch bool) *measure.Case {
	c := &measure.Case{Name: "unix socket", Rival: "socket", Bytes: o.bytes(), Serve: serveSocket(o)}
	if batch {
		c.Name, c.Rival = "unix socket, writes batched", ""
	}
	c.Open = func(ctx context.Context, dir string) (measure.Load, func(), error) {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, "s"))
		if err != nil {
			return nil, nil, err
		}
		load := measure.Serial(pingPong(o, conn))
		if o.Depth > 1 {
			load = (&pipeline{Op: o, conn: conn, batch: batch}).load
		}
		return load, func() { conn.Close() }, nil
	}
	return c
}

func pingPong(o Op, c net.Conn) func() error {
	out, in := make([]byte, message+o.Out), make([]byte, message+o.In)
	return func() error {
		o.fill(out, 0)
		if _, err := c.Write(out); err != nil {
			return err
		}
		_, err := io.ReadFull(c, in)
		return err
	}
}

// pipeline is the client's end of a socket with several requests under way. One
// goroutine writes and one reads; free hands slots from the reader to the writer.
type pipeline struct {
	Op
	conn  net.Conn
	batch bool
}

func (p *pipeline) load(m *measure.Meter) error {
	win := measure.NewWindow(m, p.Depth)
	defer win.Close()
	free := make(chan uint32, p.Depth)
	for i := range p.Depth {
		free <- uint32(i)
	}
	var readErr error
	var wg sync.WaitGroup
	wg.Go(func() { readErr = p.read(free, win) })
	writeErr := p.write(m, free, win)
	wg.Wait()
	return errors.Join(writeErr, readErr)
}

// last is the slot of the request that is sent when the time is up.
const last = ^uint32(0)

func (p *pipeline) write(m *measure.Meter, free <-chan uint32, win *measure.Window) error {
	w := bufio.NewWriterSize(p.conn, buffer)
	msg := make([]byte, message+p.Out)
	for slot := range free {
		done := m.Done()
		if done {
			slot = last
		} else {
			win.Begin(int(slot))
		}
		p.fill(msg, slot)
		w.Write(msg)
		if done || !p.batch || len(free) == 0 {
			if err := w.Flush(); err != nil {
				return err
			}
		}
		if done {
			break
		}
	}
	return nil
}

func (p *pipeline) read(free chan<- uint32, win *measure.Window) error {
	r := bufio.NewReaderSize(p.conn, buffer)
	msg := make([]byte, message+p.In)
	for {
		if _, err := io.ReadFull(r, msg); err != nil {
			return err
		}
		slot := binary.LittleEndian.Uint32(msg[4:])
		if slot == last {
			return nil
		}
		if int(slot) >= p.Depth {
			return fmt.Errorf("answer for slot %d of %d", slot, p.Depth)
		}
		win.End(int(slot))
		free <- slot
	}
}
