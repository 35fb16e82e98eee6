package idc

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/sim"
	"github.com/xenidc/idc/runtime/shm"
)

// lendProtocol has requests of one segment: id u64 @0, op u64 @8, ref u32 @16, length u32 @20.
var lendProtocol = &Protocol{
	Name: "lend", Device: "vlend",
	ABIs:        []ABI{{Wire: Wire{Stride: 24, Request: 24, Response: 16, ResponseID: Field{Offset: 0, Size: 8}}}},
	Ring:        RingSpec{Ref: "ring-ref", Port: "event-channel"},
	MaxSegments: 1, Direct: 1, Alignment: 1,
}

// lender is a back end that fills data with a byte, after it was told to if it is to wait.
type lender struct {
	byte
	entered, resume chan struct{} // nil: at once
}

func (l *lender) handle(r *Request) {
	defer copy(r.Respond(16), r.Slot()[:8])
	s := Segment{Ref: GrantRef(binary.LittleEndian.Uint32(r.Slot()[16:])), Length: binary.LittleEndian.Uint32(r.Slot()[20:])}
	if r.AddSegment(s) != nil {
		return
	}
	data, err := r.Map(Out)
	if err != nil {
		return
	}
	if l.entered != nil && r.Slot()[8] == 1 {
		close(l.entered)
		<-l.resume
	}
	for _, p := range data.Unstable() {
		for i := range p {
			p[i] = l.byte
		}
	}
}

func (l *lender) serve(d Domain) *Service {
	return NewService(d, "c", BackSpec{
		Protocol: lendProtocol, Publish: func(*KeyWriter) {}, Accept: func(*KeyReader) error { return nil }, Handle: l.handle,
	}, Workers(4))
}

func lendFront(t *testing.T, d Domain) *Front {
	f := NewFront(d, "c", FrontSpec{
		Protocol: lendProtocol, Publish: func(*KeyWriter) {}, Negotiate: func(*KeyReader) (int, error) { return 1, nil },
	})
	t.Cleanup(func() { f.Close() })
	if err := f.Connected(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f
}

func lendCall(ctx context.Context, f *Front, op uint64, data []byte) error {
	x, err := f.Begin(ctx, data, Out, 1)
	if err != nil {
		return err
	}
	err = x.Run(ctx, func(x *Txn) {
		b := x.Request(24)
		binary.LittleEndian.PutUint64(b, x.ID())
		binary.LittleEndian.PutUint64(b[8:], op)
		binary.LittleEndian.PutUint32(b[16:], uint32(x.Segments()[0].Ref))
		binary.LittleEndian.PutUint32(b[20:], x.Segments()[0].Length)
	}, true)
	if err == nil {
		x.End()
	}
	return err
}

func lendWorld(t *testing.T) (w *sim.World, all [3]*sim.Domain) {
	testenv.Leaks(t)
	w = sim.New(sim.Options{})
	t.Cleanup(func() {
		for _, leak := range w.Leaks() {
			t.Error("leaked: ", leak)
		}
		w.Close()
	})
	for i := range all {
		d, err := w.NewDomain()
		if err != nil {
			t.Fatal(err)
		}
		all[i] = d
	}
	return w, all
}

// Memory that is freed while a cancelled call has it is given to nobody before the back
// end has answered.
func TestFreedWhileLent(t *testing.T) {
	_, d := lendWorld(t)
	l := &lender{byte: 7, entered: make(chan struct{}), resume: make(chan struct{})}
	s := l.serve(d[1])
	defer s.Close()
	f := lendFront(t, d[0])
	buf, err := f.Alloc(shm.PageSize)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-l.entered; cancel() }()
	err = lendCall(ctx, f, 1, buf.Bytes())
	if !errors.Is(err, ErrStillLent) {
		t.Fatal(err)
	}
	old := buf.Bytes()
	buf.Free()
	next, err2 := f.Alloc(shm.PageSize)
	if err2 != nil {
		t.Fatal(err2)
	}
	defer next.Free()
	if &next.Bytes()[0] == &old[0] {
		t.Fatal("the back end is writing to memory that was given to somebody else")
	}
	close(l.resume)
	<-Ended(err)
	if next.Bytes()[0] != 0 {
		t.Error("somebody else's memory was written to")
	}
}

// When another back end takes over, the old one has no access to buffers any more, and
// they keep what they hold.
func TestOldBackEndLosesBuffers(t *testing.T) {
	_, d := lendWorld(t)
	one, two := &lender{byte: 1}, &lender{byte: 2}
	s := one.serve(d[1])
	f := lendFront(t, d[0])
	buf, err := f.Alloc(2 * shm.PageSize)
	if err != nil {
		t.Fatal(err)
	}
	defer buf.Free()
	if err := lendCall(t.Context(), f, 0, buf.Bytes()[:shm.PageSize]); err != nil {
		t.Fatal(err)
	}
	copy(buf.Bytes()[shm.PageSize:], "not to be lost")
	s.Close()
	next := two.serve(d[2])
	defer next.Close()
	if err := lendCall(t.Context(), f, 0, buf.Bytes()[:8]); err != nil {
		t.Fatal(err)
	}
	if m, err := d[1].Map(d[0].ID(), buf.b.Refs(), platform.ReadOnly); err == nil {
		t.Error("the old back end maps the buffer")
		m.Unmap()
	}
	if got := buf.Bytes(); got[0] != 2 || got[8] != 1 || string(got[shm.PageSize:][:14]) != "not to be lost" {
		t.Errorf("the buffer holds % x and %q", got[:16], got[shm.PageSize:][:14])
	}
	wait, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := buf.Wait(wait); err != nil {
		t.Error(err)
	}
}
