//go:build linux

package xen

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/store"
)

// xenbus is the kernel's device made to look like a connection to xenstored's
// socket. What the device does otherwise (drivers/xen/xenbus/xenbus_dev_frontend.c):
//
//   - a message has at most 4096 bytes, header included: a longer one is answered
//     with E2BIG here, where a socket would take 16 bytes more;
//   - a refused WATCH is a failed write: it becomes an answer;
//   - it takes a WATCH of the same path and token twice, and an UNWATCH of nothing:
//     both are refused here, with EEXIST and ENOENT;
//   - the header of an event holds whatever was on the kernel's stack: cleared;
//   - the first event may overtake the answer to its WATCH: held back;
//   - a WATCH or UNWATCH that is written while an answer to the same descriptor is
//     on its way stops the store for the whole domain, for ever: the write holds the
//     descriptor's lock (msgbuffer_mutex) until the store has answered, and the only
//     thread that brings answers (xenbus_thread, in xenbus_dev_queue_reply) waits for
//     that lock. So both are written only when nothing else is owed.
//
// Both directions:
//
//	Write ──► check ──► device ──► pump ──► put in order ──► inbox ──► Read
//	            └──── answers of our own ────────────────────►┘
//
// Write carries exactly one message, as the platform's contract says. The inbox is
// bounded: when nobody reads, the pump stops, and so does Write.
type xenbus struct {
	dev  io.ReadWriteCloser
	done chan struct{} // the pump has ended

	writing sync.Mutex // one message after the other

	mu     sync.Mutex
	moved  *sync.Cond
	inbox  []byte // whole messages, the first perhaps begun
	err    error  // why nothing more comes
	closed bool
	owed   int                   // answers that the device owes us, but to WATCH and UNWATCH
	known  map[watchKey]struct{} // the watches that are set, or asked for
	asked  map[uint32]*asking    // those without an answer yet, by req_id
}

// watchKey names a watch, as UNWATCH does.
type watchKey struct{ path, token string }

// asking is a WATCH that was sent.
type asking struct {
	key  watchKey
	held [][]byte // events that came before its answer
}

const (
	// maxInbox is how many bytes may wait to be read.
	maxInbox = 64 << 10
	// maxHeld is how many events of one watch are held back. More become one, for the
	// watched path itself: look at this path and below.
	maxHeld = 16
)

func newXenbus(dev io.ReadWriteCloser) *xenbus {
	x := &xenbus{dev: dev, done: make(chan struct{}), known: map[watchKey]struct{}{}, asked: map[uint32]*asking{}}
	x.moved = sync.NewCond(&x.mu)
	go x.pump()
	return x
}

// Read returns what came, in pieces as large as p.
func (x *xenbus) Read(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for len(x.inbox) == 0 && x.err == nil {
		x.moved.Wait()
	}
	if len(x.inbox) == 0 {
		return 0, x.err
	}
	n := copy(p, x.inbox)
	x.inbox = x.inbox[:copy(x.inbox, x.inbox[n:])]
	x.moved.Broadcast()
	return n, nil
}

// Close ends the connection. It returns when nothing of it is left.
func (x *xenbus) Close() error {
	x.mu.Lock()
	if x.closed {
		x.mu.Unlock()
		return unix.EBADF
	}
	x.closed = true
	x.stop(io.ErrClosedPipe)
	x.mu.Unlock()
	err := x.dev.Close()
	<-x.done
	return err
}

// stop says why nothing more comes. The lock is held.
func (x *xenbus) stop(err error) {
	if x.err == nil {
		x.err = err
	}
	x.moved.Broadcast()
}

// deliver makes a message readable, once there is room. The lock is held. It is
// false when nobody will read it.
func (x *xenbus) deliver(msg []byte) bool {
	for len(x.inbox) > 0 && len(x.inbox)+len(msg) > maxInbox && x.err == nil {
		x.moved.Wait()
	}
	if x.err != nil {
		return false
	}
	x.inbox = append(x.inbox, msg...)
	x.moved.Broadcast()
	return true
}

// Write sends one whole message.
func (x *xenbus) Write(msg []byte) (int, error) {
	x.writing.Lock()
	defer x.writing.Unlock()
	h, ok := parseMessage(msg)
	if !ok {
		return 0, errors.New("xen: a write to the store must be one whole message")
	}
	if len(msg) > store.HeaderSize+store.MaxDevicePayload {
		return len(msg), x.answer(h, unix.E2BIG)
	}
	if h.typ != store.TypeWatch && h.typ != store.TypeUnwatch {
		x.owe(1)
		n, err := x.dev.Write(msg)
		if err != nil {
			x.owe(-1)
		}
		return n, err
	}
	if e := x.ask(h, msg[store.HeaderSize:]); e != 0 {
		return len(msg), x.answer(h, e)
	}
	if err := x.settled(); err != nil {
		return 0, err
	}
	n, err := x.dev.Write(msg)
	var errno unix.Errno
	if err != nil && errors.As(err, &errno) && errno != unix.EBADF {
		x.mu.Lock()
		x.settle(h.req, false)
		x.mu.Unlock()
		return len(msg), x.answer(h, errno)
	}
	return n, err
}

func (x *xenbus) owe(n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.owed += n
}

// settled waits until nothing is owed.
func (x *xenbus) settled() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for x.owed > 0 && x.err == nil {
		x.moved.Wait()
	}
	return x.err
}

// ask notes a request about a watch, or says what the store would say about it. The
// device acts on an UNWATCH within the write, and never refuses it.
func (x *xenbus) ask(h message, payload []byte) unix.Errno {
	key, ok := parseWatch(payload)
	if !ok {
		return unix.EINVAL
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	_, set := x.known[key]
	switch {
	case h.typ == store.TypeWatch && set:
		return unix.EEXIST
	case h.typ == store.TypeWatch:
		x.known[key] = struct{}{}
		x.asked[h.req] = &asking{key: key}
	case !set:
		return unix.ENOENT
	default:
		delete(x.known, key)
	}
	return 0
}

// settle takes a WATCH that was answered, nil if it isn't one. The lock is held.
func (x *xenbus) settle(req uint32, granted bool) *asking {
	a := x.asked[req]
	delete(x.asked, req)
	if a != nil && !granted {
		delete(x.known, a.key)
	}
	return a
}

// answer replies to a request in the store's stead.
func (x *xenbus) answer(h message, errno unix.Errno) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.deliver(message{typ: store.TypeError, req: h.req, tx: h.tx}.with(unix.ErrnoName(errno) + "\x00")) {
		return x.err
	}
	return nil
}

// pump reads messages until the device ends.
func (x *xenbus) pump() {
	defer close(x.done)
	r := bufio.NewReaderSize(x.dev, store.HeaderSize+store.MaxPayload)
	buf := make([]byte, store.HeaderSize+store.MaxPayload)
	for {
		msg, err := readMessage(r, buf)
		x.mu.Lock()
		if err != nil {
			x.stop(err)
		}
		ok := err == nil && x.arrived(msg)
		x.mu.Unlock()
		if !ok {
			return
		}
	}
}

// arrived puts a message from the device where it belongs. The lock is held.
func (x *xenbus) arrived(msg []byte) bool {
	h, _ := parseMessage(msg)
	if h.typ == store.TypeWatchEvent {
		return x.event(msg)
	}
	if h.typ != store.TypeWatch && h.typ != store.TypeUnwatch {
		x.owed--
		x.moved.Broadcast()
		return x.deliver(msg)
	}
	a := x.settle(h.req, h.typ == store.TypeWatch)
	if !x.deliver(msg) {
		return false
	}
	for a != nil && h.typ == store.TypeWatch && len(a.held) > 0 {
		event := a.held[0]
		a.held = a.held[1:]
		if !x.deliver(event) {
			return false
		}
	}
	return true
}

// event passes an event on, or holds it back until its watch was answered.
func (x *xenbus) event(msg []byte) bool {
	clear(msg[4:12]) // req_id and tx_id
	key, ok := parseWatch(msg[store.HeaderSize:])
	if !ok {
		return x.deliver(msg)
	}
	a := x.unanswered(key.token)
	if a == nil {
		return x.deliver(msg)
	}
	if len(a.held) == maxHeld {
		a.held = a.held[:0]
		msg = message{typ: store.TypeWatchEvent}.with(a.key.path + "\x00" + a.key.token + "\x00")
	}
	a.held = append(a.held, append([]byte(nil), msg...))
	return true
}

// unanswered returns the watch of that token that has no answer yet. Few have none.
func (x *xenbus) unanswered(token string) *asking {
	for _, a := range x.asked {
		if a.key.token == token {
			return a
		}
	}
	return nil
}

// message is struct xsd_sockmsg (xs_wire.h).
type message struct {
	typ          store.Type
	req, tx, len uint32
}

// parseMessage reads the header of a message. It is false unless msg is exactly one.
func parseMessage(msg []byte) (message, bool) {
	if len(msg) < store.HeaderSize {
		return message{}, false
	}
	ne := binary.NativeEndian
	h := message{store.Type(ne.Uint32(msg)), ne.Uint32(msg[4:]), ne.Uint32(msg[8:]), ne.Uint32(msg[12:])}
	return h, uint64(len(msg)) == store.HeaderSize+uint64(h.len)
}

// with is the message with that payload.
func (h message) with(payload string) []byte {
	ne := binary.NativeEndian
	b := make([]byte, 0, store.HeaderSize+len(payload))
	b = ne.AppendUint32(b, uint32(h.typ))
	b = ne.AppendUint32(b, h.req)
	b = ne.AppendUint32(b, h.tx)
	b = ne.AppendUint32(b, uint32(len(payload)))
	return append(b, payload...)
}

// readMessage reads one message into buf.
func readMessage(r io.Reader, buf []byte) ([]byte, error) {
	if _, err := io.ReadFull(r, buf[:store.HeaderSize]); err != nil {
		return nil, err
	}
	n := binary.NativeEndian.Uint32(buf[12:])
	if n > store.MaxPayload {
		return nil, store.ErrProtocol
	}
	_, err := io.ReadFull(r, buf[store.HeaderSize:store.HeaderSize+n])
	return buf[:store.HeaderSize+n], err
}

// parseWatch reads path and token, each ended by a NUL, from the start of a payload.
func parseWatch(payload []byte) (watchKey, bool) {
	var parts [2]string
	for i := range parts {
		n := 0
		for n < len(payload) && payload[n] != 0 {
			n++
		}
		if n == len(payload) {
			return watchKey{}, false
		}
		parts[i], payload = string(payload[:n]), payload[n+1:]
	}
	return watchKey{parts[0], parts[1]}, true
}
