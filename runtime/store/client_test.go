package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/xenidc/idc/internal/testenv"
)

// liar is a server that a test plays by hand.
type liar struct {
	t    *testing.T
	conn net.Conn
	c    *Client
}

func newLiar(t *testing.T, opts ...Option) *liar {
	t.Helper()
	testenv.Leaks(t)
	ours, theirs := net.Pipe()
	l := &liar{t, theirs, NewClient(ours, opts...)}
	t.Cleanup(func() {
		l.c.Close()
		theirs.Close()
	})
	return l
}

func (l *liar) recv() (header, string) {
	l.t.Helper()
	h, body, err := readMessage(l.conn, make([]byte, HeaderSize+MaxPayload))
	if err != nil {
		l.t.Fatal(err)
	}
	return h, string(body)
}

func (l *liar) send(typ Type, req uint32, body string) {
	l.t.Helper()
	if _, err := l.conn.Write(appendMessage(nil, typ, req, 0, body)); err != nil {
		l.t.Fatal(err)
	}
}

// later runs f beside the test and returns a channel with its error.
func later(f func() error) <-chan error {
	out := make(chan error, 1)
	go func() { out <- f() }()
	return out
}

func TestClientSurvivesNonsense(t *testing.T) {
	l := newLiar(t)
	got := later(func() error {
		v, err := l.c.Read(t.Context(), NoTx, "/a")
		if v != "right" {
			return fmt.Errorf("read %q, %v", v, err)
		}
		return err
	})
	l.send(TypeRead, 2, "a reply before its request")
	h, _ := l.recv()
	l.send(TypeRead, h.req+1, "unknown id")
	l.send(TypeError, 77, "ENOENT\x00")
	for _, event := range []string{"", "\x00", "/a\x00", "/a", "/a\x00nobody\x00", "/a\x001", "\x00\x00\x00"} {
		l.send(TypeWatchEvent, h.req, event)
	}
	l.send(TypeRead, h.req, "right")
	l.send(TypeRead, h.req, "twice")
	if err := <-got; err != nil {
		t.Fatal(err)
	}
}

func TestClientBadReplies(t *testing.T) {
	ctx := t.Context()
	tests := []struct {
		name  string
		do    func(*Client) error
		typ   Type
		body  string
		cause error
	}{
		{"error", func(c *Client) error { return c.Mkdir(ctx, NoTx, "/a") }, TypeError, "EACCES\x00", syscall.EACCES},
		{"not exist", func(c *Client) error { return c.Mkdir(ctx, NoTx, "/a") }, TypeError, "ENOENT\x00", os.ErrNotExist},
		{"error without NUL", func(c *Client) error { return c.Mkdir(ctx, NoTx, "/a") }, TypeError, "EBUSY", syscall.EBUSY},
		{"unknown error", func(c *Client) error { return c.Mkdir(ctx, NoTx, "/a") }, TypeError, "EWHAT\x00", syscall.EINVAL},
		{"other type", func(c *Client) error { return c.Mkdir(ctx, NoTx, "/a") }, TypeRm, "OK\x00", ErrProtocol},
		{"list", func(c *Client) error { _, err := c.List(ctx, NoTx, "/a"); return err }, TypeDirectory, "a\x00b", ErrProtocol},
		{"perms", func(c *Client) error { _, err := c.Perms(ctx, NoTx, "/a"); return err }, TypeGetPerms, "n0", ErrProtocol},
		{"no perms", func(c *Client) error { _, err := c.Perms(ctx, NoTx, "/a"); return err }, TypeGetPerms, "", ErrProtocol},
		{"odd perms", func(c *Client) error { _, err := c.Perms(ctx, NoTx, "/a"); return err }, TypeGetPerms, "q0\x00", ErrProtocol},
		{"transaction", func(c *Client) error { return c.Transaction(ctx, func(Tx) error { return nil }) }, TypeTransactionStart, "0\x00", ErrProtocol},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLiar(t)
			got := later(func() error { return tt.do(l.c) })
			h, _ := l.recv()
			l.send(tt.typ, h.req, tt.body)
			if err := <-got; !errors.Is(err, tt.cause) {
				t.Errorf("got %v, want %v", err, tt.cause)
			}
		})
	}
}

func TestClientTooLongMessageEndsAll(t *testing.T) {
	l := newLiar(t)
	w := &Watch{}
	watching := later(func() (err error) {
		w, err = l.c.Watch(t.Context(), "/a")
		return err
	})
	h, _ := l.recv()
	l.send(TypeWatch, h.req, okReply)
	if err := <-watching; err != nil {
		t.Fatal(err)
	}
	var ends []<-chan error
	for range 3 {
		ends = append(ends, later(func() error { return l.c.Mkdir(t.Context(), NoTx, "/a") }))
	}
	ends = append(ends, later(func() error { _, err := w.Next(t.Context()); return err }))
	l.recv()
	bad := appendMessage(nil, TypeRead, 1, 0)
	bad[12], bad[13], bad[14], bad[15] = 0xff, 0xff, 0xff, 0xff
	if _, err := l.conn.Write(bad); err != nil {
		t.Fatal(err)
	}
	for _, end := range ends {
		if err := <-end; !errors.Is(err, ErrProtocol) || err.Error() != l.c.Err().Error() {
			t.Errorf("got %v, want the one cause %v", err, l.c.Err())
		}
	}
	if err := l.c.Mkdir(t.Context(), NoTx, "/a"); !errors.Is(err, ErrProtocol) {
		t.Errorf("a later call: %v", err)
	}
	if _, err := l.c.Watch(t.Context(), "/b"); !errors.Is(err, ErrProtocol) {
		t.Errorf("a later watch: %v", err)
	}
	<-l.c.Done()
}

func TestClientEndlessDirectory(t *testing.T) {
	l := newLiar(t)
	got := later(func() error { _, err := l.c.List(t.Context(), NoTx, "/a"); return err })
	h, _ := l.recv()
	l.send(TypeError, h.req, "E2BIG\x00")
	part := "1\x00" + strings.Repeat("n", 4000) + "\x00"
	for {
		select {
		case err := <-got:
			if !errors.Is(err, ErrProtocol) {
				t.Errorf("got %v", err)
			}
			return
		default:
		}
		l.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		h, _, err := readMessage(l.conn, make([]byte, HeaderSize+MaxPayload))
		if err == nil {
			l.send(TypeDirectoryPart, h.req, part)
		}
	}
}

// TestClientContext ends calls whose server never answers, and cleans up when it does.
func TestClientContext(t *testing.T) {
	l := newLiar(t)
	ctx, cancel := context.WithCancel(t.Context())
	inTx := later(func() error { return l.c.Transaction(ctx, func(Tx) error { return nil }) })
	start, _ := l.recv()
	watching := later(func() error { _, err := l.c.Watch(ctx, "/w"); return err })
	watch, _ := l.recv()
	cancel()
	for _, end := range []<-chan error{inTx, watching} {
		if err := <-end; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	l.send(TypeTransactionStart, start.req, "9\x00")
	if h, body := l.recv(); h.typ != TypeTransactionEnd || h.tx != 9 || body != "F\x00" {
		t.Errorf("the late transaction is ended by %v %q in %d", h.typ, body, h.tx)
	}
	l.send(TypeWatch, watch.req, okReply)
	if h, body := l.recv(); h.typ != TypeUnwatch || !strings.HasPrefix(body, "/w\x00") {
		t.Errorf("the late watch is ended by %v %q", h.typ, body)
	}
	if err := l.c.Mkdir(ctx, NoTx, "/a"); !errors.Is(err, context.Canceled) {
		t.Errorf("a call with an ended context: %v", err)
	}
}

// TestClientServerDoesNotRead shows that a call ends with its context even when
// nothing can be sent.
func TestClientServerDoesNotRead(t *testing.T) {
	l := newLiar(t)
	for range 3 * maxOutstanding / 2 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if err := l.c.Mkdir(ctx, NoTx, "/a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		cancel()
	}
	// Replies to what wasn't read make no room.
	for i := range 10 * maxOutstanding {
		l.send(TypeMkdir, uint32(i+2), okReply)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if err := l.c.Mkdir(ctx, NoTx, "/a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

func TestClientTooLong(t *testing.T) {
	for _, tt := range []struct {
		max  int
		opts []Option
	}{{MaxPayload, nil}, {MaxDevicePayload, []Option{XenbusDevice()}}} {
		l := newLiar(t, tt.opts...)
		err := l.c.Write(t.Context(), NoTx, "/a", strings.Repeat("x", tt.max-2))
		if !errors.Is(err, syscall.E2BIG) {
			t.Errorf("%d bytes: %v", tt.max+1, err)
		}
		done := later(func() error { return l.c.Write(t.Context(), NoTx, "/a", strings.Repeat("x", tt.max-3)) })
		h, body := l.recv()
		if len(body) != tt.max {
			t.Errorf("%d bytes sent", len(body))
		}
		l.send(TypeWrite, h.req, okReply)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := l.c.Mkdir(t.Context(), NoTx, "/a\x00b"); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("a path with a NUL: %v", err)
		}
	}
}

// device is the kernel's xenbus device, as far as it differs from a socket.
type device struct {
	net.Conn
	refuse atomic.Bool
}

func (d *device) Write(b []byte) (int, error) {
	h := parseHeader(b)
	if int(h.len)+HeaderSize != len(b) {
		return 0, fmt.Errorf("a write of %d bytes for a message of %d", len(b), int(h.len)+HeaderSize)
	}
	if h.typ == TypeWatch && d.refuse.Load() {
		return 0, &os.PathError{Op: "write", Path: "/dev/xen/xenbus", Err: syscall.EINVAL}
	}
	return d.Conn.Write(b)
}

func TestClientOnDevice(t *testing.T) {
	testenv.Leaks(t)
	ours, theirs := net.Pipe()
	d := &device{Conn: ours}
	c := NewClient(d, XenbusDevice())
	defer c.Close()
	l := &liar{t, theirs, c}

	d.refuse.Store(true)
	if _, err := c.Watch(t.Context(), "/a//b"); !errors.Is(err, syscall.EINVAL) {
		t.Fatalf("refused watch: %v", err)
	}
	d.refuse.Store(false)

	var w *Watch
	done := later(func() (err error) {
		w, err = c.Watch(t.Context(), "/a")
		return err
	})
	h, body := l.recv()
	_, token, _ := strings.Cut(strings.TrimSuffix(body, "\x00"), "\x00")
	// The event comes first, and its header holds rubbish.
	l.send(TypeWatchEvent, h.req, "/a\x00"+token+"\x00")
	l.send(TypeWatch, h.req, okReply)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if p, err := w.Next(t.Context()); err != nil || p != "/a" {
		t.Fatalf("first event %q, %v", p, err)
	}
}

func TestWatchStorm(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	c, storm := w.client(0), w.client(0)
	watch, err := c.Watch(ctx, "/w")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		if err := storm.Write(ctx, NoTx, fmt.Sprintf("/w/%d", i%1000), "x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Write(ctx, NoTx, "/last", ""); err != nil { // all events are ahead of its reply
		t.Fatal(err)
	}
	n, root := 0, false
	for {
		p, ok, err := watch.Poll()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		n++
		root = root || p == "/w"
	}
	if n > maxPending+1 || !root {
		t.Errorf("%d events pending, one for the watched path: %v", n, root)
	}
	// And the watch still works.
	<-watch.C()
	if err := storm.Write(ctx, NoTx, "/w/1", "x"); err != nil {
		t.Fatal(err)
	}
	if p, err := watch.Next(ctx); err != nil || p != "/w/1" {
		t.Errorf("after the storm: %q, %v", p, err)
	}
	if err := watch.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Next(ctx); !errors.Is(err, ErrClosed) {
		t.Errorf("after its close: %v", err)
	}
}

func TestWatchEnds(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	tests := []struct {
		name string
		end  func(*Client, *Watch)
	}{
		{"watch closed", func(_ *Client, w *Watch) { w.Close() }},
		{"client closed", func(c *Client, _ *Watch) { c.Close() }},
		{"watches reset", func(c *Client, _ *Watch) { c.ResetWatches(ctx) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := w.client(0)
			watch, err := c.Watch(ctx, "/w")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := watch.Next(ctx); err != nil {
				t.Fatal(err)
			}
			next := later(func() error { _, err := watch.Next(ctx); return err })
			tt.end(c, watch)
			if err := <-next; !errors.Is(err, ErrClosed) {
				t.Errorf("got %v", err)
			}
			for range 2 { // it stays ready
				<-watch.C()
				if _, _, err := watch.Poll(); !errors.Is(err, ErrClosed) {
					t.Errorf("Poll: %v", err)
				}
			}
		})
	}
}

// TestTransactionsCount increments one counter from many clients.
func TestTransactionsCount(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if err := w.client(0).Write(ctx, NoTx, "/count", ""); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	const clients, each = 8, 25
	for range clients {
		c := w.client(0)
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range each {
				err := c.Transaction(ctx, func(tx Tx) error {
					v, err := c.Read(ctx, tx, "/count")
					if err != nil {
						return err
					}
					return c.Write(ctx, tx, "/count", v+"x")
				})
				if err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
	v, err := w.client(0).Read(ctx, NoTx, "/count")
	if err != nil || len(v) != clients*each {
		t.Errorf("counted %d, %v; want %d", len(v), err, clients*each)
	}
}

func TestTransactionErrors(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	c, other := w.client(0), w.client(0)
	mine := errors.New("mine")
	runs := 0
	err := c.Transaction(ctx, func(tx Tx) error {
		runs++
		if err := c.Write(ctx, tx, "/a", "x"); err != nil {
			return err
		}
		return mine
	})
	if err != mine || runs != 1 {
		t.Errorf("got %v after %d runs", err, runs)
	}
	if ok, err := c.Exists(ctx, NoTx, "/a"); ok || err != nil {
		t.Errorf("an aborted write is there: %v, %v", ok, err)
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	err = c.Transaction(short, func(tx Tx) error { // always in conflict
		if _, err := c.Read(ctx, tx, "/tool"); err != nil {
			return err
		}
		return other.Write(ctx, NoTx, "/tool", "x")
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("endless conflict: %v", err)
	}
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if n := w.s.domains[0].transactions; n > 1 { // the last abort may be on its way
		t.Errorf("%d transactions are still open", n)
	}
}

func TestClientUseAfterServerEnds(t *testing.T) {
	w := newWorld(t)
	c, local := w.client(0), w.s.Local()
	if err := c.Write(t.Context(), NoTx, "/a", ""); err != nil {
		t.Fatal(err)
	}
	w.s.Close()
	<-c.Done()
	<-local.Done()
	if err := c.Write(t.Context(), NoTx, "/a", ""); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
	if err := w.s.Local().Write(t.Context(), NoTx, "/a", ""); !errors.Is(err, ErrClosed) {
		t.Errorf("a client of a closed server: %v", err)
	}
	if err := w.s.Serve(w.dial(0), 0, true); !errors.Is(err, ErrClosed) {
		t.Errorf("Serve after Close: %v", err)
	}
}

func TestClientRequests(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	c := w.client(0)
	if p, err := c.DomainPath(ctx, 7); err != nil || p != "/local/domain/7" {
		t.Errorf("DomainPath: %q, %v", p, err)
	}
	if err := c.Introduce(ctx, 7, 1, 1); err != nil {
		t.Error(err)
	}
	if ok, err := c.IsIntroduced(ctx, 7); err != nil || !ok {
		t.Errorf("IsIntroduced: %v, %v", ok, err)
	}
	if err := c.SetTarget(ctx, 7, 7); err != nil {
		t.Error(err)
	}
	if err := c.Release(ctx, 7); err != nil {
		t.Error(err)
	}
	if ok, err := c.IsIntroduced(ctx, 7); err != nil || ok {
		t.Errorf("IsIntroduced: %v, %v", ok, err)
	}
	if out, err := c.Control(ctx, "help"); err != nil || !strings.Contains(out, "help") {
		t.Errorf("Control: %q, %v", out, err)
	}
	if err := c.SetPerms(ctx, NoTx, "/tool", Perm{0, PermNone}, Perm{5, PermBoth}); err != nil {
		t.Error(err)
	}
	perms, err := c.Perms(ctx, NoTx, "/tool")
	if err != nil || fmt.Sprint(perms) != "[n0 b5]" {
		t.Errorf("Perms: %v, %v", perms, err)
	}
}
