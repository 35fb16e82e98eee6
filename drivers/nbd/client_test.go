package nbd

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// client speaks the protocol literally, right or wrong as the test has it.
type client struct {
	net.Conn
	t testing.TB
}

// serveDisk serves d on a unix socket and returns how to reach it, and what ends the
// server and waits for it. The test's end does too.
func serveDisk(t testing.TB, d Disk) (addr string, stop func()) {
	t.Helper()
	return serveWaiting(t, d, 0)
}

// serveWaiting is serveDisk with the time that a client too many waits.
func serveWaiting(t testing.TB, d Disk, admission time.Duration) (addr string, stop func()) {
	t.Helper()
	addr = filepath.Join(t.TempDir(), "s")
	l, err := Listen("unix:" + addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- (&Server{Name: "disk", Disk: d, MaxConns: 4, Grace: 2 * time.Second, admissionWait: admission}).Serve(ctx, l)
	}()
	ended := false
	stop = func() {
		t.Helper()
		if cancel(); !ended {
			ended = true
			if err := <-done; err != nil {
				t.Errorf("Serve: %v", err)
			}
		}
	}
	t.Cleanup(stop)
	return addr, stop
}

func dial(t testing.TB, addr string) *client {
	t.Helper()
	c, err := net.Dial("unix", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return &client{c, t}
}

// attach negotiates up to the transmission phase and returns size and flags.
func attach(t testing.TB, addr string) *client {
	t.Helper()
	c := dial(t, addr)
	c.greet(flagFixedNewstyle | flagNoZeroes)
	c.option(optExportName, nil)
	c.bytes(10)
	return c
}

func (c *client) greet(flags uint32) {
	c.t.Helper()
	c.expect(append([]byte("NBDMAGICIHAVEOPT"), 0, 3))
	c.send(binary.BigEndian.AppendUint32(nil, flags))
}

func (c *client) option(opt uint32, data []byte) {
	c.t.Helper()
	b := append([]byte("IHAVEOPT"), binary.BigEndian.AppendUint32(nil, opt)...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	c.send(append(b, data...))
}

// optionReply returns type and data of the next option reply.
func (c *client) optionReply(opt uint32) (uint32, []byte) {
	c.t.Helper()
	h := c.bytes(20)
	be := binary.BigEndian
	if be.Uint64(h) != magicOptReply || be.Uint32(h[8:]) != opt {
		c.t.Fatalf("reply to option %d begins % x", opt, h)
	}
	return be.Uint32(h[12:]), c.bytes(int(be.Uint32(h[16:])))
}

func (c *client) request(cmd, flags uint16, cookie, off uint64, n uint32, data []byte) {
	c.t.Helper()
	be := binary.BigEndian
	b := be.AppendUint32(nil, magicRequest)
	b = be.AppendUint16(b, flags)
	b = be.AppendUint16(b, cmd)
	b = be.AppendUint64(b, cookie)
	b = be.AppendUint64(b, off)
	b = be.AppendUint32(b, n)
	c.send(append(b, data...))
}

// reply returns cookie and error of the next reply.
func (c *client) reply() (uint64, uint32) {
	c.t.Helper()
	b := c.bytes(replyHeaderSize)
	be := binary.BigEndian
	if be.Uint32(b) != magicReply {
		c.t.Fatalf("reply begins % x", b)
	}
	return be.Uint64(b[8:]), be.Uint32(b[4:])
}

// do sends one request and fails unless its reply has the error.
func (c *client) do(cmd, flags uint16, off uint64, n uint32, data []byte, want uint32) {
	c.t.Helper()
	c.request(cmd, flags, off, off, n, data)
	if cookie, no := c.reply(); cookie != off || no != want {
		c.t.Errorf("command %d at %d of %d bytes: cookie %d error %d, want error %d", cmd, off, n, cookie, no, want)
	}
}

func (c *client) read(off uint64, n uint32) []byte {
	c.t.Helper()
	c.do(cmdRead, 0, off, n, nil, 0)
	return c.bytes(int(n))
}

func (c *client) send(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) bytes(n int) []byte {
	c.t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(c, b); err != nil {
		c.t.Fatalf("read %d bytes: %v", n, err)
	}
	return b
}

func (c *client) expect(want []byte) {
	c.t.Helper()
	if got := c.bytes(len(want)); !bytes.Equal(got, want) {
		c.t.Fatalf("got % x, want % x", got, want)
	}
}

// expectClosed fails unless the server has closed the connection.
func (c *client) expectClosed() {
	c.t.Helper()
	if n, err := io.Copy(io.Discard, c); err != nil || n != 0 {
		c.t.Errorf("the server sent %d bytes more, then: %v", n, err)
	}
}
