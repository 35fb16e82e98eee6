package channel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
)

// Client starts commands on the other end of a stream. Any goroutine may use it.
type Client struct {
	conn io.ReadWriteCloser
	w    *Writer
	// greeted is closed when the server has said hello, done when the stream ended.
	greeted chan struct{}
	done    chan struct{}

	mu    sync.Mutex
	procs map[uint32]*Process
	last  uint32
	err   error // why the stream ended
}

// NewClient returns a client on conn, which it owns. It waits until the server
// says hello, or ctx ends. Noise may be nil.
func NewClient(ctx context.Context, conn io.ReadWriteCloser, noise io.Writer) (*Client, error) {
	c := &Client{
		conn: conn, w: NewWriter(conn),
		greeted: make(chan struct{}), done: make(chan struct{}),
		procs: map[uint32]*Process{},
	}
	go c.receive(NewReader(conn, noise))
	select {
	case <-c.greeted:
		return c, nil
	case <-c.done:
		return nil, fmt.Errorf("channel: nobody said hello: %w", c.cause())
	case <-ctx.Done():
		c.Close()
		return nil, fmt.Errorf("channel: nobody said hello: %w", context.Cause(ctx))
	}
}

// Close ends the stream, and with it whatever waits for a command.
func (c *Client) Close() error {
	err := c.conn.Close()
	<-c.done
	return err
}

// Done is closed when the stream has ended.
func (c *Client) Done() <-chan struct{} { return c.done }

// Start starts a command. Its output is written to stdout and stderr as it comes,
// by the goroutine that serves all commands: a writer that blocks holds them all up.
// Input is read from stdin until it ends; nil is empty.
func (c *Client) Start(cmd Command, stdin io.Reader, stdout, stderr io.Writer) (*Process, error) {
	text, err := json.Marshal(cmd)
	if err != nil {
		return nil, fmt.Errorf("channel: %s: %w", cmd, err)
	}
	p := &Process{client: c, cmd: cmd, stdout: orDiscard(stdout), stderr: orDiscard(stderr), done: make(chan struct{})}
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return nil, fmt.Errorf("channel: %s: %w", cmd, c.err)
	}
	c.last++
	p.id = c.last
	c.procs[p.id] = p
	c.mu.Unlock()
	if err := c.w.Send(Frame{Start, p.id, text}); err != nil {
		return nil, fmt.Errorf("channel: %s: %w", cmd, err)
	}
	if stdin == nil {
		return p, c.w.Send(Frame{Kind: Stdin, ID: p.id})
	}
	go p.feed(stdin)
	return p, nil
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

// receive serves the stream until it ends.
func (c *Client) receive(r *Reader) {
	for {
		f, err := r.Next()
		if err != nil {
			c.finish(err)
			return
		}
		c.deliver(f)
	}
}

func (c *Client) deliver(f Frame) {
	if f.Kind == Hello {
		select {
		case <-c.greeted:
		default:
			close(c.greeted)
		}
		return
	}
	c.mu.Lock()
	p := c.procs[f.ID]
	if f.Kind == Exit {
		delete(c.procs, f.ID)
	}
	c.mu.Unlock()
	if p == nil {
		return
	}
	switch f.Kind {
	case Stdout:
		p.stdout.Write(f.Payload)
	case Stderr:
		p.stderr.Write(f.Payload)
	case Exit:
		err := json.Unmarshal(f.Payload, &p.status)
		p.end(err)
	}
}

// finish ends everything that waits.
func (c *Client) finish(err error) {
	c.mu.Lock()
	c.err = fmt.Errorf("the guest is gone: %w", err)
	procs := c.procs
	c.procs = nil
	c.mu.Unlock()
	for _, p := range procs {
		p.end(c.err)
	}
	close(c.done)
}

func (c *Client) cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Process is a command that was started.
type Process struct {
	client         *Client
	cmd            Command
	id             uint32
	stdout, stderr io.Writer
	done           chan struct{}
	status         ExitStatus
	err            error
}

// feed sends the input.
func (p *Process) feed(r io.Reader) {
	buf := make([]byte, maxPayload)
	for {
		n, err := r.Read(buf)
		if p.client.w.SendAll(Stdin, p.id, buf[:n]) != nil {
			return
		}
		if err != nil {
			p.client.w.Send(Frame{Kind: Stdin, ID: p.id})
			return
		}
	}
}

func (p *Process) end(err error) {
	p.err = err
	close(p.done)
}

// Done is closed when the command has ended, and all its output is written.
func (p *Process) Done() <-chan struct{} { return p.done }

// Signal sends a signal to the command's process group. One that ended is left alone.
func (p *Process) Signal(s syscall.Signal) error {
	return p.client.w.Send(Frame{Signal, p.id, []byte{byte(s)}})
}

// Wait waits until the command has ended. If ctx ends before, the command is killed.
// The error is nil for every command that ran, however it ended.
func (p *Process) Wait(ctx context.Context) (ExitStatus, error) {
	select {
	case <-p.done:
	case <-ctx.Done():
		err := p.Signal(syscall.SIGKILL)
		return ExitStatus{Code: -1}, errors.Join(fmt.Errorf("%s: killed: %w", p.cmd, context.Cause(ctx)), err)
	}
	if p.err != nil {
		return ExitStatus{Code: -1}, fmt.Errorf("%s: %w", p.cmd, p.err)
	}
	return p.status, nil
}
