package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/platform"
)

// world is a server and the connections that a test makes to it; all end with it.
type world struct {
	t *testing.T
	s *Server
}

func newWorld(t *testing.T, opts ...Options) *world {
	t.Helper()
	testenv.Leaks(t)
	var o Options
	if len(opts) > 0 {
		o = opts[0]
	}
	w := &world{t, NewServer(o)}
	t.Cleanup(func() { w.s.Close() })
	return w
}

// dial connects a domain; it is privileged when it is 0.
func (w *world) dial(dom platform.DomID) net.Conn {
	w.t.Helper()
	ours, theirs := net.Pipe()
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = w.s.Serve(theirs, dom, dom == 0)
	}()
	w.t.Cleanup(func() {
		ours.Close()
		<-served
	})
	return ours
}

func (w *world) client(dom platform.DomID) *Client {
	c := NewClient(w.dial(dom))
	w.t.Cleanup(func() { c.Close() })
	return c
}

// raw speaks the protocol message by message.
type raw struct {
	t    *testing.T
	conn io.ReadWriter
	req  uint32
}

func (w *world) raw(dom platform.DomID) *raw { return &raw{t: w.t, conn: w.dial(dom)} }

// pipes shows the NULs of a message as |.
func pipes(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c == 0 {
			b[i] = '|'
		}
	}
	return string(b)
}

func nuls(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c == '|' {
			b[i] = 0
		}
	}
	return string(b)
}

func (r *raw) send(typ Type, tx uint32, body string) {
	r.t.Helper()
	r.req++
	if _, err := r.conn.Write(appendMessage(nil, typ, r.req, tx, nuls(body))); err != nil {
		r.t.Fatal(err)
	}
}

func (r *raw) recv() (header, string) {
	r.t.Helper()
	h, body, err := readMessage(r.conn, make([]byte, HeaderSize+MaxPayload))
	if err != nil {
		r.t.Fatal(err)
	}
	return h, pipes(string(body))
}

// ask sends a request and returns its reply: the body, or "!ENOENT" and the like.
// Events that come before it go to events.
func (r *raw) ask(typ Type, tx uint32, body string) (string, []string) {
	r.t.Helper()
	r.send(typ, tx, body)
	var events []string
	for {
		h, got := r.recv()
		switch {
		case h.typ == TypeWatchEvent:
			events = append(events, got)
			continue
		case h.req != r.req || h.tx != tx:
			r.t.Fatalf("reply to request %d in %d, want %d in %d", h.req, h.tx, r.req, tx)
		case h.typ == TypeError:
			got = "!" + got[:len(got)-1]
		case h.typ != typ:
			r.t.Fatalf("%v answered by %v", typ, h.typ)
		}
		return got, events
	}
}

// events are those that come until the server has answered an idle request.
func (r *raw) events() []string {
	r.t.Helper()
	_, events := r.ask(TypeGetDomainPath, 0, "0|")
	return events
}

func (r *raw) want(typ Type, tx uint32, body, want string) []string {
	r.t.Helper()
	got, events := r.ask(typ, tx, body)
	if got != want {
		r.t.Errorf("%v %q in %d: got %q, want %q", typ, body, tx, got, want)
	}
	return events
}

func (r *raw) begin() uint32 {
	r.t.Helper()
	got, _ := r.ask(TypeTransactionStart, 0, "|")
	tx, err := parseTx(nuls(got))
	if err != nil {
		r.t.Fatal(err)
	}
	return uint32(tx)
}

func TestClient(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c := w.client(0)
	if err := c.Write(ctx, NoTx, "/a/b", "one"); err != nil {
		t.Fatal(err)
	}
	if v, err := c.Read(ctx, NoTx, "/a/b"); err != nil || v != "one" {
		t.Fatalf("read %q, %v", v, err)
	}
	if _, err := c.Read(ctx, NoTx, "/a/c"); !errors.Is(err, syscall.ENOENT) {
		t.Fatalf("read of an absent node: %v", err)
	}
	if names, err := c.List(ctx, NoTx, "/a"); err != nil || !slices.Equal(names, []string{"b"}) {
		t.Fatalf("list %q, %v", names, err)
	}
	watch, err := c.Watch(ctx, "/a")
	if err != nil {
		t.Fatal(err)
	}
	if p, err := watch.Next(ctx); err != nil || p != "/a" {
		t.Fatalf("first event %q, %v", p, err)
	}
	err = c.Transaction(ctx, func(tx Tx) error {
		if err := c.Write(ctx, tx, "/a/c", "two"); err != nil {
			return err
		}
		ok, err := w.s.Local().Exists(ctx, NoTx, "/a/c")
		if ok {
			t.Error("an uncommitted write is seen by others")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := watch.Next(ctx); err != nil || p != "/a/c" {
		t.Fatalf("event %q, %v", p, err)
	}
}

// Of several watches that one change fires, those of a client are told in the order in
// which they were set, wherever they watch, also after others were dropped.
func TestEventsInOrderOfWatches(t *testing.T) {
	w := newWorld(t)
	a := w.raw(0)
	a.want(TypeMkdir, 0, "/a/b/c|", "OK|")
	for i, p := range []string{"/a", "/a/b/c", "/", "/a/b", "/a/b/c", "/a"} {
		a.want(TypeWatch, 0, fmt.Sprintf("%s|w%d|", p, i), "OK|")
	}
	a.want(TypeUnwatch, 0, "/a/b/c|w1|", "OK|")
	a.want(TypeUnwatch, 0, "/a|w0|", "OK|")
	a.want(TypeWatch, 0, "/a/b|w6|", "OK|")
	a.want(TypeWatch, 0, "/a/b/c|w7|", "OK|")
	a.events()
	events := a.want(TypeWrite, 0, "/a/b/c|x", "OK|")
	var got []string
	for _, e := range append(events, a.events()...) {
		got = append(got, strings.Split(e, "|")[1])
	}
	if want := []string{"w2", "w3", "w4", "w5", "w6", "w7"}; !slices.Equal(got, want) {
		t.Errorf("told in the order %v, want %v", got, want)
	}
}
