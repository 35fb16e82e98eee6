package transport_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
	"github.com/xenidc/idc/runtime/transport"
)

// noStore is the dialler of worlds whose domains need no store.
func noStore(context.Context, platform.DomID) (_ io.ReadWriteCloser, _ error) {
	return nil, errors.New("this world has no store")
}

func waitFailure(t *testing.T, p *pair) {
	t.Helper()
	select {
	case err := <-p.failed:
		if !errors.Is(err, transport.ErrProtocol) {
			t.Fatalf("failed with %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the violation was not noticed")
	}
}

// A back end that answers what wasn't asked ends the link, not the process.
func TestForgedResponses(t *testing.T) {
	forge := map[string]func(m shm.Memory){
		"producer out of range": func(m shm.Memory) { m.Store32(8, 1000) },
		"id out of range": func(m shm.Memory) {
			m.CopyIn(64, []byte{0, 0, 0, 0, 0, 1, 0, 0})
			m.Store32(8, 1)
		},
		"id not under way": func(m shm.Memory) {
			m.CopyIn(64, []byte{17, 0, 0, 0, 0, 0, 0, 0})
			m.Store32(8, 1)
		},
	}
	for name, write := range forge {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, asleep)
			p.connect()
			p.server.Stop(true) // the forger takes its place
			result := make(chan error, 1)
			go func() {
				_, err := p.do(context.Background(), 0, 1, nil, false)
				result <- err
			}()
			for p.queue.Outstanding() == 0 {
				time.Sleep(time.Millisecond)
			}
			time.Sleep(5 * time.Millisecond)
			write(p.mapping.Memory())
			p.far.Notify()
			waitFailure(t, p)
			p.disconnect(transport.ErrDisconnected)
			if err := <-result; !errors.Is(err, transport.ErrDisconnected) {
				t.Fatalf("the call ended with %v", err)
			}
			p.connect()
			if v, err := p.do(context.Background(), 0, 1, nil, true); err != nil || v != 2 {
				t.Fatalf("next connection: %d, %v", v, err)
			}
		})
	}
}

// A front end that lets its producer run away ends its own ring.
func TestRunawayRequests(t *testing.T) {
	p := newPair(t, asleep)
	p.connect()
	p.pages.Memory().Store32(0, 5000)
	p.channel.Notify()
	waitFailure(t, p)
}

// A request with bad segments costs that request.
func TestBadSegments(t *testing.T) {
	p := newPair(t)
	p.connect()
	for name, seg := range map[string][3]uint32{
		"no such reference": {0xdeadbeef, 0, 100},
		"beyond its page":   {1, 4000, 100},
		"wraps":             {1, 8, ^uint32(0)},
	} {
		encode := func(x *transport.Txn) {
			(&call{1, 1}).encode(x)
			slot := x.Request(slotSize)
			binary.LittleEndian.PutUint64(slot, x.ID())
			binary.LittleEndian.PutUint32(slot[8:], 1)
			binary.LittleEndian.PutUint32(slot[12:], 1)
			for i, v := range seg {
				binary.LittleEndian.PutUint32(slot[24+4*i:], v)
			}
		}
		x, err := p.queue.Begin(context.Background(), nil, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := x.Run(context.Background(), encode, true); err != nil {
			t.Fatal(err)
		}
		if value(x) != badBulk {
			t.Errorf("%s: was accepted", name)
		}
		x.End()
	}
	if v, err := p.do(context.Background(), 0, 1, nil, true); err != nil || v != 2 {
		t.Fatalf("next call: %d, %v", v, err)
	}
}
