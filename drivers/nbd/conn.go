package nbd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// conn is a connection in the transmission phase. One goroutine reads requests;
// workers, started as they are needed, carry them out and write the replies.
type conn struct {
	server *running
	disk   *aligned
	sock   net.Conn
	in     *bufio.Reader

	// ctx ends when nobody waits for replies any more: the peer is gone, or the server
	// ends and its grace is over.
	ctx    context.Context
	cancel context.CancelCauseFunc
	// work is what the disk is given. It outlives the client: a request that was begun
	// is still the disk's, with its memory and its sectors, and the connection stays
	// until it has come back. Only the end of the server's grace cuts it short.
	work context.Context

	slots   slots
	ready   chan *slot // unbuffered: a send succeeds when a worker is idle
	workers sync.WaitGroup
	started int // workers, at most allSlots

	terms terms

	out    sync.Mutex // held while a reply is written
	header [maxReplyHeader]byte
	vec    [2][]byte
	bufs   net.Buffers
}

// newConn makes a connection whose requests end with work at the latest.
func newConn(work context.Context, r *running, sock net.Conn, t terms) *conn {
	c := &conn{server: r, terms: t, disk: r.disk, sock: sock, in: bufio.NewReaderSize(sock, 64<<10), slots: newSlots(), ready: make(chan *slot), work: work}
	c.ctx, c.cancel = context.WithCancelCause(work)
	return c
}

// run serves requests until the client leaves, breaks the protocol or can't be
// reached, or stop ends. Requests in flight have ended when it returns.
func (c *conn) run(stop context.Context) error {
	defer c.cancel(nil)
	err := c.read(stop)
	if !errors.Is(err, errLeft) && stop.Err() == nil {
		c.cancel(err) // nobody is there to hear replies
	}
	close(c.ready)
	c.workers.Wait()
	c.slots.release()
	if cause := context.Cause(c.ctx); cause != nil && stop.Err() == nil {
		return cause
	}
	return err
}

// read receives requests and hands them to workers.
func (c *conn) read(stop context.Context) error {
	var raw [requestHeaderSize]byte
	for {
		if _, err := io.ReadFull(c.in, raw[:]); err == io.EOF {
			return errHungUp
		} else if err != nil {
			return fmt.Errorf("read a request: %w", err)
		}
		h, ok := decodeHeader(&raw)
		if !ok {
			return fmt.Errorf("a request begins with % x, which is no request's magic", raw[:4])
		}
		if h.cmd == cmdDisc {
			return errLeft
		}
		if err := c.receive(stop, h); err != nil {
			return err
		}
	}
}

// receive takes a slot for the request, reads its payload and gives it to a worker.
func (c *conn) receive(stop context.Context, h header) error {
	if no := c.server.check(h, c.terms); no != 0 {
		return c.refuse(h, no)
	}
	s, err := c.take(stop, h.memory())
	if err != nil {
		return err
	}
	s.header = h
	if h.payload() > largeSlot {
		defer c.put(s)
		return c.stream(s)
	}
	if h.cmd == cmdWrite {
		if _, err := io.ReadFull(c.in, s.mem[:h.length]); err != nil {
			c.put(s)
			return fmt.Errorf("read %d bytes to write: %w", h.length, err)
		}
	}
	c.dispatch(s)
	return nil
}

// refuse answers a request that isn't even tried.
func (c *conn) refuse(h header, no uint32) error {
	if h.cmd == cmdWrite {
		if h.length > maxPayload {
			return fmt.Errorf("a request to write %d bytes; at most %d", h.length, maxPayload)
		}
		if _, err := io.CopyN(io.Discard, c.in, int64(h.length)); err != nil {
			return err
		}
	}
	return c.reply(h, no, nil)
}

// take waits for a slot that fits n bytes of payload.
func (c *conn) take(stop context.Context, n uint32) (*slot, error) {
	var s *slot
	home := c.slots.fitting(n)
	select {
	case s = <-home:
	default:
		select {
		case s = <-home:
		case <-c.ctx.Done():
			return nil, context.Cause(c.ctx)
		case <-stop.Done():
			return nil, errLeft
		}
	}
	if s.mem == nil && s.size > 0 {
		s.mem, s.free = alloc(c.disk.disk, s.size)
	}
	return s, nil
}

func (c *conn) put(s *slot) { s.home <- s }

// dispatch gives the request to an idle worker, or to a new one.
func (c *conn) dispatch(s *slot) {
	select {
	case c.ready <- s:
		return
	default:
	}
	if c.started < allSlots {
		c.started++
		c.workers.Go(func() {
			c.serve(s)
			for s := range c.ready {
				c.serve(s)
			}
		})
		return
	}
	c.ready <- s // there is a worker for each slot, so one is about to be idle
}

// serve carries out one request and answers it.
func (c *conn) serve(s *slot) {
	no, data := c.execute(s)
	if err := c.reply(s.header, no, data); err != nil {
		c.fail(err)
	}
	c.put(s)
}

// fail ends the connection from a worker: the reader returns.
func (c *conn) fail(err error) {
	c.cancel(err)
	c.sock.Close()
}
