//go:build linux

package xen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/store"
)

// serveStore serves a store on a socket, as domain 0, until the test ends.
func serveStore(t *testing.T, fill func(context.Context, *store.Client) error) (path string) {
	t.Helper()
	s := store.NewServer(store.Options{})
	path = filepath.Join(t.TempDir(), "socket")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { _ = s.Serve(conn, 0, true) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.Close()
		wg.Wait()
	})
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c := store.NewClient(conn)
	defer c.Close()
	if err := fill(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return path
}

// fakeDevice plays the kernel's xenbus device in front of a real store: it has every
// quirk that drivers/xen/xenbus/xenbus_dev_frontend.c has.
type fakeDevice struct {
	out  chan []byte
	rest []byte
	up   net.Conn // the store

	mu      sync.Mutex
	tokens  int
	watches map[string]watchKey // by the token that the store sees
	waiting map[uint32]chan unix.Errno
	owed    int  // answers on their way
	stuck   bool // a WATCH was written meanwhile: on a real kernel, the end of the store
	once    sync.Once
	gone    chan struct{}
}

func newDevice(t *testing.T) *fakeDevice {
	t.Helper()
	path := serveStore(t, func(context.Context, *store.Client) error { return nil })
	up, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	d := &fakeDevice{out: make(chan []byte, 1000), up: up, gone: make(chan struct{}),
		watches: map[string]watchKey{}, waiting: map[uint32]chan unix.Errno{}}
	var wg sync.WaitGroup
	wg.Go(d.relay)
	t.Cleanup(func() {
		d.Close()
		wg.Wait()
		if d.stuck {
			t.Error("a WATCH or UNWATCH was written while the device owed an answer: a real one never answers again")
		}
	})
	return d
}

// relay brings the store's messages.
func (d *fakeDevice) relay() {
	buf := make([]byte, store.HeaderSize+store.MaxPayload)
	for {
		msg, err := readMessage(d.up, buf)
		if err != nil {
			d.Close()
			return
		}
		h, _ := parseMessage(msg)
		if h.typ == store.TypeWatchEvent {
			k, _ := parseWatch(msg[store.HeaderSize:])
			d.mu.Lock()
			own := d.watches[k.token]
			d.mu.Unlock()
			// Header fields that nobody set, and three pieces, as the kernel queues them.
			head := message{typ: h.typ, req: 0xDEADBEEF, tx: 0x5A5A5A5A}.with(k.path + "\x00" + own.token + "\x00")
			d.out <- head[:store.HeaderSize]
			d.out <- head[store.HeaderSize:]
			continue
		}
		d.mu.Lock()
		w := d.waiting[h.req]
		d.mu.Unlock()
		if w != nil {
			w <- errnoNamed(h, msg)
			continue
		}
		d.mu.Lock()
		d.owed--
		d.mu.Unlock()
		d.out <- append([]byte(nil), msg...)
	}
}

func errnoNamed(h message, msg []byte) unix.Errno {
	if h.typ != store.TypeError {
		return 0
	}
	name := strings.TrimRight(string(msg[store.HeaderSize:]), "\x00")
	for e := unix.Errno(1); e < 200; e++ {
		if unix.ErrnoName(e) == name {
			return e
		}
	}
	return unix.EIO
}

func (d *fakeDevice) Read(p []byte) (int, error) {
	for len(d.rest) == 0 {
		select {
		case d.rest = <-d.out:
		case <-d.gone:
			return 0, unix.EBADF
		}
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

func (d *fakeDevice) Write(msg []byte) (int, error) {
	select {
	case <-d.gone:
		return 0, unix.EBADF
	default:
	}
	if len(msg) > 4096 {
		return 0, unix.EINVAL
	}
	h, ok := parseMessage(msg)
	if !ok {
		return 0, fmt.Errorf("not one whole message: %d bytes", len(msg))
	}
	d.mu.Lock()
	if h.typ == store.TypeWatch || h.typ == store.TypeUnwatch {
		d.stuck = d.stuck || d.owed > 0
	} else {
		d.owed++
	}
	d.mu.Unlock()
	switch h.typ {
	case store.TypeWatch:
		return d.watch(h, msg)
	case store.TypeUnwatch:
		// Whatever it names: fine.
		d.out <- message{typ: h.typ, req: h.req}.with("OK\x00")
		return len(msg), nil
	}
	return d.up.Write(msg)
}

// watch registers with a token of the kernel's own, waits, lets the first event
// through and only then answers.
func (d *fakeDevice) watch(h message, msg []byte) (int, error) {
	k, _ := parseWatch(msg[store.HeaderSize:])
	done := make(chan unix.Errno, 1)
	d.mu.Lock()
	d.tokens++
	token := fmt.Sprintf("kernel%d", d.tokens)
	d.watches[token] = k
	d.waiting[h.req] = done
	d.mu.Unlock()
	if _, err := d.up.Write(message{typ: store.TypeWatch, req: h.req}.with(k.path + "\x00" + token + "\x00")); err != nil {
		return 0, err
	}
	errno := <-done
	d.mu.Lock()
	delete(d.waiting, h.req)
	d.mu.Unlock()
	if errno != 0 {
		return 0, errno
	}
	time.Sleep(10 * time.Millisecond) // the event overtakes
	d.out <- message{typ: h.typ, req: h.req}.with("OK\x00")
	return len(msg), nil
}

func (d *fakeDevice) Close() error {
	d.once.Do(func() {
		close(d.gone)
		d.up.Close()
	})
	return nil
}

// onDevice is a client that speaks through the device and the adapter.
func onDevice(t *testing.T) *store.Client {
	t.Helper()
	c := store.NewClient(newXenbus(newDevice(t)))
	t.Cleanup(func() { c.Close() })
	return c
}

func TestXenbusReadsAndWrites(t *testing.T) {
	testenv.Leaks(t)
	c := onDevice(t)
	ctx := t.Context()
	long := strings.Repeat("x", 2000)
	if err := c.Write(ctx, store.NoTx, "/a", long); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Read(ctx, store.NoTx, "/a"); err != nil || got != long {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	if _, err := c.Read(ctx, store.NoTx, "/b"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("read of nothing: %v", err)
	}
	if err := c.Transaction(ctx, func(tx store.Tx) error { return c.Write(ctx, tx, "/b", "1") }); err != nil {
		t.Errorf("transaction: %v", err)
	}
}

// TestXenbusTooLong: a message that the device can't take is refused, and only that.
func TestXenbusTooLong(t *testing.T) {
	testenv.Leaks(t)
	c := onDevice(t)
	if err := c.Write(t.Context(), store.NoTx, "/a", strings.Repeat("x", store.MaxPayload-3)); !errors.Is(err, unix.E2BIG) {
		t.Errorf("a message of 4112 bytes: %v", err)
	}
	if err := c.Write(t.Context(), store.NoTx, "/a", "x"); err != nil {
		t.Errorf("the next message: %v", err)
	}
}

// TestXenbusWatch: the first event comes after the answer, with a clean header, once.
func TestXenbusWatch(t *testing.T) {
	testenv.Leaks(t)
	x := newXenbus(newDevice(t))
	defer x.Close()
	send(t, x, message{typ: store.TypeWatch, req: 5}, "/a\x00token\x00")
	if h, p := receive(t, x); h.typ != store.TypeWatch || h.req != 5 || p != "OK\x00" {
		t.Errorf("first came %v %q, want the answer", h, p)
	}
	h, p := receive(t, x)
	if h.typ != store.TypeWatchEvent || h.req != 0 || h.tx != 0 || p != "/a\x00token\x00" {
		t.Errorf("then came %+v %q, want the event", h, p)
	}
	send(t, x, message{typ: store.TypeWatch, req: 6}, "/a\x00token\x00")
	if h, p := receive(t, x); h.typ != store.TypeError || h.req != 6 || p != "EEXIST\x00" {
		t.Errorf("the same watch again: %+v %q", h, p)
	}
	send(t, x, message{typ: store.TypeWatch, req: 7}, "//a\x00token\x00")
	if h, p := receive(t, x); h.typ != store.TypeError || h.req != 7 || p != "EINVAL\x00" {
		t.Errorf("a watch that the store refuses: %+v %q", h, p)
	}
	send(t, x, message{typ: store.TypeUnwatch, req: 8}, "/a\x00other\x00")
	if h, p := receive(t, x); h.typ != store.TypeError || h.req != 8 || p != "ENOENT\x00" {
		t.Errorf("the end of a watch that isn't: %+v %q", h, p)
	}
	send(t, x, message{typ: store.TypeUnwatch, req: 9}, "/a\x00token\x00")
	if h, p := receive(t, x); h.typ != store.TypeUnwatch || h.req != 9 || p != "OK\x00" {
		t.Errorf("the end of the watch: %+v %q", h, p)
	}
	send(t, x, message{typ: store.TypeWatch, req: 10}, "no end")
	if h, p := receive(t, x); h.typ != store.TypeError || h.req != 10 || p != "EINVAL\x00" {
		t.Errorf("a watch without an end: %+v %q", h, p)
	}
}

// TestXenbusWatchesWaitTheirTurn: a client that does many things at once doesn't stop
// the device.
func TestXenbusWatchesWaitTheirTurn(t *testing.T) {
	testenv.Leaks(t)
	c := onDevice(t)
	ctx := t.Context()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 10 {
				path := fmt.Sprintf("/a/%d", i)
				if i%4 != 0 {
					if err := c.Write(ctx, store.NoTx, path, "x"); err != nil {
						t.Error(err)
					}
					continue
				}
				w, err := c.Watch(ctx, path)
				if err != nil {
					t.Error(err)
					continue
				}
				if _, err := w.Next(ctx); err != nil {
					t.Error(err)
				}
				w.Close()
			}
		})
	}
	wg.Wait()
}

// TestXenbusHoldsLittle: events that come before the answer don't pile up.
func TestXenbusHoldsLittle(t *testing.T) {
	testenv.Leaks(t)
	mine, theirs := net.Pipe()
	defer mine.Close()
	x := newXenbus(theirs)
	defer x.Close()
	go func() {
		buf := make([]byte, 100)
		_, _ = mine.Read(buf)
		for i := range 3 * maxHeld {
			_, _ = mine.Write(message{typ: store.TypeWatchEvent, req: 1}.with(fmt.Sprintf("/a/%d\x00t\x00", i)))
		}
		_, _ = mine.Write(message{typ: store.TypeWatch, req: 1}.with("OK\x00"))
	}()
	send(t, x, message{typ: store.TypeWatch, req: 1}, "/a\x00t\x00")
	if h, _ := receive(t, x); h.typ != store.TypeWatch {
		t.Fatalf("first came %v", h)
	}
	whole := false
	for range maxHeld {
		h, p := receive(t, x)
		if h.typ != store.TypeWatchEvent {
			t.Errorf("%v among the events", h)
		}
		whole = whole || p == "/a\x00t\x00"
		if strings.HasPrefix(p, fmt.Sprintf("/a/%d\x00", 3*maxHeld-1)) {
			break
		}
	}
	if !whole {
		t.Error("events were dropped, and none says so")
	}
}

// TestXenbusNobodyReads: the adapter keeps a bounded amount, and Close ends it.
func TestXenbusNobodyReads(t *testing.T) {
	testenv.Leaks(t)
	mine, theirs := net.Pipe()
	defer mine.Close()
	x := newXenbus(theirs)
	event := message{typ: store.TypeWatchEvent}.with(strings.Repeat("x", 1000) + "\x00t\x00")
	_ = mine.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	sent := 0
	for sent < 100*maxInbox {
		n, err := mine.Write(event)
		if sent += n; err != nil {
			break
		}
	}
	if sent > 2*maxInbox {
		t.Errorf("it took %d bytes", sent)
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(x); err == nil {
		t.Error("reading after Close goes on")
	}
	if _, err := x.Write(event); err == nil {
		t.Error("writing after Close goes on")
	}
	if err := x.Close(); err == nil {
		t.Error("it closed twice")
	}
}

// TestXenbusGarbage: a device that sends nonsense ends the connection.
func TestXenbusGarbage(t *testing.T) {
	testenv.Leaks(t)
	mine, theirs := net.Pipe()
	defer mine.Close()
	x := newXenbus(theirs)
	defer x.Close()
	go func() { _, _ = mine.Write([]byte(strings.Repeat("\xFF", store.HeaderSize))) }()
	if _, err := x.Read(make([]byte, 10)); !errors.Is(err, store.ErrProtocol) {
		t.Errorf("it read %v", err)
	}
	if _, err := x.Write([]byte("short")); err == nil {
		t.Error("a write of half a header passed")
	}
}

func send(t *testing.T, x *xenbus, h message, payload string) {
	t.Helper()
	msg := h.with(payload)
	if n, err := x.Write(msg); err != nil || n != len(msg) {
		t.Fatalf("write: %d, %v", n, err)
	}
}

// receive reads a message, a byte at a time.
func receive(t *testing.T, x *xenbus) (message, string) {
	t.Helper()
	buf := make([]byte, store.HeaderSize+store.MaxPayload)
	msg, err := readMessage(oneByOne{x}, buf)
	if err != nil {
		t.Fatal(err)
	}
	h, _ := parseMessage(msg)
	return message{h.typ, h.req, h.tx, 0}, string(msg[store.HeaderSize:])
}

// oneByOne reads single bytes.
type oneByOne struct{ r io.Reader }

func (o oneByOne) Read(p []byte) (int, error) { return o.r.Read(p[:1]) }
