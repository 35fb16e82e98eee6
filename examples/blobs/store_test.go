package blobs_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/xenidc/idc/examples/blobs"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/idc/idctest"
	"github.com/xenidc/idc/runtime/platform/sim"
)

// open serves a store to a front end, in two simulated domains.
func open(t *testing.T, back blobs.Back) *blobs.Front {
	front, domain := idctest.Pair(t)
	s := blobs.Export(domain, "shelf", back)
	t.Cleanup(func() { s.Close() })
	f, err := blobs.Open(t.Context(), front, "shelf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestPutGet(t *testing.T) {
	f := open(t, &blobs.Store{Most: 1 << 20})
	want := bytes.Repeat([]byte("blob"), 10000)
	if err := f.Put(t.Context(), "a", want); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 1<<20)
	r, err := f.Get(t.Context(), "a", 4, got)
	if err != nil || int(r.Size) != len(want) || !bytes.Equal(got[:r.Length], want[4:]) {
		t.Errorf("%+v, %v", r, err)
	}
	if !bytes.Equal(got[r.Length:], make([]byte, len(got)-int(r.Length))) {
		t.Error("something was written beyond what was read")
	}
}

func TestErrors(t *testing.T) {
	f := open(t, &blobs.Store{Most: 10})
	if _, err := f.Get(t.Context(), "a", 0, make([]byte, 1)); !errors.Is(err, blobs.ErrNotFound) {
		t.Errorf("a blob that isn't there: %v", err)
	}
	if err := f.Put(t.Context(), "a", make([]byte, 11)); !errors.Is(err, blobs.ErrFull) {
		t.Errorf("a blob that doesn't fit: %v", err)
	}
	// What breaks a bound of the protocol never leaves the front end.
	if err := f.Remove(t.Context(), strings.Repeat("n", 65)); !errors.Is(err, idc.ErrTooLong) {
		t.Errorf("a name that is too long: %v", err)
	}
}

// slow answers when it is told to.
type slow struct {
	blobs.Store
	asked, answer chan struct{}
}

func newSlow() *slow {
	return &slow{asked: make(chan struct{}), answer: make(chan struct{})}
}

func (s *slow) Remove(ctx context.Context, req blobs.RemoveRequest) error {
	s.asked <- struct{}{}
	<-s.answer
	return s.Store.Remove(ctx, req)
}

// A caller's context ends its call, not the request: the back end has that.
func TestDeadline(t *testing.T) {
	back := newSlow()
	f := open(t, back)
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error)
	go func() { over <- f.Remove(ctx, "a") }()
	<-back.asked
	cancel()
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Errorf("the call ended with %v", err)
	}
	close(back.answer)
}

// A back end that dies is waited for. What may be repeated is; the rest fails.
func TestBackDies(t *testing.T) {
	w := idctest.World(t, sim.Options{})
	front, first := idctest.Domain(t, w), idctest.Domain(t, w)
	back := newSlow()
	dying := blobs.Export(first, "shelf", back)
	f, err := blobs.Open(t.Context(), front, "shelf")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	over := make(chan error)
	go func() { over <- f.Remove(t.Context(), "a") }()
	<-back.asked
	w.Kill(first.ID())
	if err := <-over; !errors.Is(err, idc.ErrDisconnected) {
		t.Errorf("what may not be repeated ended with %v", err)
	}
	close(back.answer) // too late
	dying.Close()
	again := blobs.Export(idctest.Domain(t, w), "shelf", &blobs.Store{Most: 10})
	defer again.Close()
	if err := f.Put(t.Context(), "a", []byte("b")); err != nil {
		t.Errorf("after the back end came back: %v", err)
	}
}
