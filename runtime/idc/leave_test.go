package idc_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
)

// A service ends while its front end writes keys of its own: it is served until it has
// closed.
func TestServiceEndsAmidChanges(t *testing.T) {
	b := newBackTest(t)
	b.back = &faulty{Domain: b.back, suffix: "/ring-ref", slow: time.Millisecond} // so that the end comes meanwhile
	b.make()
	c := b.client(b.front.dom)
	defer c.Close()
	for round := range uint64(5) {
		s := b.serve()
		if round == 0 {
			b.front.connect()
		} else {
			b.until(closed, closed, nothing)
			b.front.again()
		}
		stop := play(func() {
			b.try(c.Write(context.Background(), 0, b.FrontDir()+"/feature-x", "1"))
		})
		over := make(chan struct{})
		go func() {
			defer close(over)
			s.Close()
		}()
		for v := range uint64(20) {
			b.front.ask(v)
			time.Sleep(time.Millisecond)
		}
		b.until(connected, closing, nothing)
		stop()
		b.front.free()
		b.front.say(closed, nil)
		<-over
	}
}

// faulty is a domain whose reads of the store fail while bad, if they are of a path
// that ends so.
type faulty struct {
	platform.Domain
	suffix string
	bad    atomic.Bool
	failed atomic.Int64
	slow   time.Duration // of such reads
}

func (f *faulty) DialStore(ctx context.Context) (io.ReadWriteCloser, error) {
	conn, err := f.Domain.DialStore(ctx)
	return &faultyConn{ReadWriteCloser: conn, f: f}, err
}

// faultyConn makes of a read that is to fail a request that the store refuses.
type faultyConn struct {
	io.ReadWriteCloser
	f *faulty
}

func (c *faultyConn) Write(msg []byte) (int, error) {
	ne := binary.NativeEndian
	path := bytes.TrimRight(msg[store.HeaderSize:], "\x00")
	if store.Type(ne.Uint32(msg)) != store.TypeRead || !bytes.HasSuffix(path, []byte(c.f.suffix)) {
		return c.ReadWriteCloser.Write(msg)
	}
	time.Sleep(c.f.slow)
	if c.f.bad.Load() {
		c.f.failed.Add(1)
		msg = bytes.Clone(msg)
		ne.PutUint32(msg, uint32(store.TypeUnwatch))
	}
	return c.ReadWriteCloser.Write(msg)
}

// The store fails to read a key of a front end that is connected, or is about to
// connect: neither is taken for the front end's doing.
func TestStoreReadsFail(t *testing.T) {
	for _, key := range []string{"/state", "/ring-ref", "/event-channel", "/protocol"} {
		t.Run(key[1:], func(t *testing.T) {
			b := newBackTest(t)
			f := &faulty{Domain: b.back, suffix: fmt.Sprintf("/device/vcount/%d%s", testDev, key)}
			b.back = f
			b.make()
			b.serve()
			f.bad.Store(true)
			f.bad.Store(key == "/protocol") // connected ones don't read it again
			stop := playFor(b)
			if key == "/protocol" {
				for f.failed.Load() == 0 {
					time.Sleep(time.Millisecond)
				}
				f.bad.Store(false)
			}
			b.until(connected, connected, nothing)
			stop()
			b.front.ask(1)
			f.bad.Store(key != "/protocol")
			for was := f.failed.Load(); key != "/protocol" && f.failed.Load() < was+3; {
				b.try(b.front.c.Write(context.Background(), 0, b.FrontDir()+"/feature-x", "1"))
				b.front.ask(2)
			}
			b.front.ask(3)
			f.bad.Store(false)
			if b.states() != [2]store.State{connected, connected} {
				t.Errorf("states %v", b.states())
			}
			if text := b.get(b.BackDir(), "error"); text != "" {
				t.Errorf("error is %q", text)
			}
		})
	}
}

var _ idc.Domain = (*faulty)(nil)
