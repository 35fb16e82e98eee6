package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
)

const (
	// maxOutstanding is how many requests of a client may await their replies at once.
	// The next callers wait for their turn.
	maxOutstanding = 64
	// maxDetached is how many clean-up requests, which nobody waits for, may await
	// being sent. Only a server that answers what it didn't read can cause more.
	maxDetached = 1024
)

// Client speaks to a store over one connection. All methods may be called by any
// number of goroutines at once; requests are told apart by their ids, and none waits
// for another's reply. A call ends early when its ctx does: its reply is then
// dropped when it comes.
//
//	callers -> out -> writer goroutine -> conn -> reader goroutine -> callers, watches
//
// When the connection fails, every call and every watch ends with the same cause, and
// so does every later call.
type Client struct {
	conn       io.ReadWriteCloser
	device     bool
	maxPayload int

	slots chan struct{} // one element per request that awaits its reply
	turn  chan struct{} // holds an element while a Transaction is under way
	kick  chan struct{} // cap 1: out isn't empty
	done  chan struct{} // closed when cause is set
	wg    sync.WaitGroup

	mu       sync.Mutex
	out      []*call          // not yet sent
	detached int              // of out, those that nobody waits for
	calls    map[uint32]*call // by req_id, until replied
	lastReq  uint32
	watches  map[string]*Watch // by token
	lastTok  uint64
	cause    error
}

// Option changes how a Client works.
type Option func(*Client)

// XenbusDevice makes the client obey the kernel's device (/dev/xen/xenbus): payloads of
// at most MaxDevicePayload bytes, and a refused WATCH that is told by a failed write. It
// doesn't keep a WATCH from being written while an answer is on its way, which stops
// the device for the whole domain (docs/xen.md): platform/xen's DialStore does, and
// needs no option.
func XenbusDevice() Option {
	return func(c *Client) {
		c.device = true
		c.maxPayload = MaxDevicePayload
	}
}

// NewClient starts a client on conn, which becomes its own: Close closes it. Each
// Write carries exactly one whole message. Closing conn must make its blocked Read
// and Write return, as it does for sockets, pipes and pollable files.
func NewClient(conn io.ReadWriteCloser, opts ...Option) *Client {
	c := &Client{
		conn:       conn,
		maxPayload: MaxPayload,
		slots:      make(chan struct{}, maxOutstanding),
		turn:       make(chan struct{}, 1),
		kick:       make(chan struct{}, 1),
		done:       make(chan struct{}),
		calls:      map[uint32]*call{},
		watches:    map[string]*Watch{},
	}
	for _, o := range opts {
		o(c)
	}
	c.wg.Add(2)
	go c.readLoop()
	go c.writeLoop()
	return c
}

// Close ends the connection. The server drops its watches and aborts its
// transactions; calls and watches end with ErrClosed. It returns once the client's
// goroutines have ended, and may be called more than once.
func (c *Client) Close() error {
	c.fail(ErrClosed)
	c.wg.Wait()
	return nil
}

// Done is closed once the connection has ended; Err then tells why.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err is the cause for which the connection ended, nil while it lives.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// fail ends the connection; only the first cause counts.
func (c *Client) fail(cause error) {
	c.mu.Lock()
	if c.cause != nil {
		c.mu.Unlock()
		return
	}
	c.cause = cause
	watches := c.watches
	c.watches = map[string]*Watch{}
	c.calls = map[uint32]*call{}
	c.out = nil
	c.mu.Unlock()

	close(c.done)
	c.conn.Close()
	for _, w := range watches {
		w.end(cause)
	}
}

func (c *Client) readLoop() {
	defer c.wg.Done()
	buf := make([]byte, HeaderSize+MaxPayload)
	r := bufio.NewReaderSize(c.conn, HeaderSize+MaxPayload)
	for {
		h, payload, err := readMessage(r, buf)
		if err != nil {
			c.fail(readCause(err))
			return
		}
		// Only the type decides: the kernel's device leaves garbage in an event's req_id.
		if h.typ == TypeWatchEvent {
			c.event(payload)
		} else {
			c.reply(h, string(payload))
		}
	}
}

func readCause(err error) error {
	if errors.Is(err, errTooLong) {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return fmt.Errorf("xenstore connection lost: %w", err)
}

func (c *Client) writeLoop() {
	defer c.wg.Done()
	for {
		select {
		case <-c.kick:
		case <-c.done:
			return
		}
		for k := c.nextOut(); k != nil; k = c.nextOut() {
			if _, err := c.conn.Write(k.msg); err != nil && !c.refused(k, err) {
				c.fail(fmt.Errorf("xenstore connection lost: %w", err))
				return
			}
		}
	}
}

// nextOut takes the next message to send, nil when there is none. From here on, a
// reply to it is believed.
func (c *Client) nextOut() *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.out) == 0 {
		return nil
	}
	k := c.out[0]
	c.out[0] = nil
	c.out = c.out[1:]
	if k.detached {
		c.detached--
	}
	k.sent = true
	return k
}

// refused handles a store's refusal that the kernel's device tells by a failed write,
// as it does for WATCH and UNWATCH (xenbus_dev_frontend.c). It reports false for an
// error of the connection.
func (c *Client) refused(k *call, err error) bool {
	var errno syscall.Errno
	if !c.device || (k.typ != TypeWatch && k.typ != TypeUnwatch) || !errors.As(err, &errno) {
		return false
	}
	c.reply(header{typ: TypeError, req: k.req}, errnoName(errno)+"\x00")
	return true
}

// event hands a watch event on. One for a watch that is no more, or that makes no
// sense, is dropped: events may be in flight when a watch ends.
func (c *Client) event(payload []byte) {
	fields, ok := splitStrings(payload)
	if !ok || len(fields) < 2 {
		return
	}
	c.mu.Lock()
	w := c.watches[fields[1]]
	c.mu.Unlock()
	if w != nil {
		w.add(fields[0])
	}
}

// reply gives a reply to its caller. One that nobody asked for is dropped.
func (c *Client) reply(h header, payload string) {
	c.mu.Lock()
	k := c.calls[h.req]
	if k == nil || !k.sent {
		c.mu.Unlock()
		return
	}
	delete(c.calls, h.req)
	late := k.abandoned
	c.mu.Unlock()

	if !k.detached {
		<-c.slots
	}
	data, err := k.decode(h.typ, payload)
	if late {
		if k.late != nil && err == nil {
			k.late(data)
		}
		return
	}
	k.result <- result{data, err}
}
