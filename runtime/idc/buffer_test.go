package idc_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/xenidc/idc/runtime/idc"
)

// A freed buffer, which the back end may still have mapped, is used again as long as the
// connection lasts, and no longer.
func TestBuffersAreKept(t *testing.T) {
	w := newWorld(t) // looks for leaks
	front, back := w.domain(), w.domain()
	s := idc.NewService(back, "c", new(counter).spec())
	f := idc.NewFront(front, "c", frontSpec())
	defer f.Close()
	w.try(f.Connected(within(t, patience)))
	alloc := func(n int) *idc.Buffer {
		t.Helper()
		b, err := f.Alloc(n)
		w.try(err)
		t.Cleanup(b.Free)
		if b := b.Bytes(); len(b) != n || !bytes.Equal(b, make([]byte, n)) {
			t.Fatalf("%d bytes for %d, or not zeros", len(b), n)
		}
		return b
	}
	first := alloc(5000)
	copy(first.Bytes(), "left behind")
	at := &first.Bytes()[0]
	first.Free()
	first.Free() // does nothing
	if other := alloc(5001); &other.Bytes()[0] == at {
		t.Error("a buffer of another size")
	}
	again, held := alloc(5000), alloc(5000)
	if &again.Bytes()[0] != at {
		t.Error("new memory, though there was some of that size")
	}
	if &held.Bytes()[0] == at {
		t.Fatal("one buffer for two")
	}
	again.Free()
	w.try(s.Close())
	for f.Connected(within(t, time.Millisecond)) == nil {
	}
	if _, err := f.Alloc(5000); !errors.Is(err, idc.ErrDisconnected) {
		t.Errorf("without a connection: %v", err)
	}
	held.Free()
	s = idc.NewService(back, "c", new(counter).spec())
	defer s.Close()
	w.try(f.Connected(within(t, patience)))
	if last := alloc(5000); &last.Bytes()[0] == at {
		t.Error("memory of a connection that has ended")
	}
}
