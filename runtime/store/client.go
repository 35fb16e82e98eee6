package store

import (
	"bufio"
	"context"
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
// at most MaxDevicePayload bytes, and a refused WATCH that is told by a failed write.
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

// post queues k to be sent. It doesn't block.
func (c *Client) post(k *call, tx Tx, parts ...string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return c.cause
	}
	c.lastReq++
	for c.calls[c.lastReq] != nil {
		c.lastReq++
	}
	k.req = c.lastReq
	k.msg = appendMessage(nil, k.typ, k.req, uint32(tx), parts...)
	c.calls[k.req] = k
	c.out = append(c.out, k)
	if k.detached {
		c.detached++
	}
	select {
	case c.kick <- struct{}{}:
	default:
	}
	return nil
}

// detach sends a request that cleans up after a caller who is gone, and ignores its reply.
func (c *Client) detach(typ Type, tx Tx, parts ...string) {
	c.mu.Lock()
	flooded := c.detached >= maxDetached
	c.mu.Unlock()
	if flooded {
		c.fail(fmt.Errorf("%w: the server answers requests that it did not read", ErrProtocol))
		return
	}
	// An error means that the connection has ended, and the server has cleaned up itself.
	_ = c.post(&call{typ: typ, abandoned: true, detached: true}, tx, parts...)
}

// abandon marks k as left by its caller. It reports false when the reply came first.
func (c *Client) abandon(k *call, late func(string)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls[k.req] != k {
		return false
	}
	k.abandoned = true
	k.late = late
	return true
}

// call is one request from its making to its reply.
type call struct {
	typ    Type
	path   string // for errors
	req    uint32
	msg    []byte
	result chan result // cap 1

	// Guarded by Client.mu.
	sent      bool         // a reply before that is a lie
	abandoned bool         // nobody reads result
	late      func(string) // what to do with an abandoned call's success; must not block
	detached  bool         // nobody ever waited; holds no slot
}

type result struct {
	data string
	err  error
}

// decode turns a reply into what the caller gets.
func (k *call) decode(typ Type, payload string) (string, error) {
	switch typ {
	case k.typ:
		return payload, nil
	case TypeError:
		return "", &Error{k.typ, k.path, errnoByName(trimNUL(payload))}
	}
	return "", fmt.Errorf("%w: %v answered by %v", ErrProtocol, k.typ, typ)
}

func trimNUL(s string) string {
	if n := len(s); n > 0 && s[n-1] == 0 {
		return s[:n-1]
	}
	return s
}

// do makes one request and waits for its reply. The parts are the payload. late, which
// may be nil, undoes a success that came after ctx ended.
func (c *Client) do(ctx context.Context, typ Type, tx Tx, path string, late func(string), parts ...string) (string, error) {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	if n > c.maxPayload {
		return "", &Error{typ, path, syscall.E2BIG}
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	case <-c.done:
		return "", c.Err()
	}
	k := &call{typ: typ, path: path, result: make(chan result, 1)}
	if err := c.post(k, tx, parts...); err != nil {
		<-c.slots
		return "", err
	}
	select {
	case r := <-k.result:
		return r.data, r.err
	case <-c.done:
		return "", c.Err()
	case <-ctx.Done():
	}
	if c.abandon(k, late) {
		return "", ctx.Err()
	}
	select {
	case r := <-k.result: // on its way already
		return r.data, r.err
	case <-c.done:
		return "", c.Err()
	}
}
