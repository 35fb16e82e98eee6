package transport_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
	"github.com/xenidc/idc/runtime/transport"
)

// raw sends a request with segments of the test's own, and returns the answer.
func raw(t *testing.T, p *pair, op uint32, v uint64, segs ...transport.Segment) uint64 {
	t.Helper()
	x, err := p.queue.Begin(context.Background(), nil, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer x.End()
	encode := func(x *transport.Txn) {
		(&call{op, v}).encode(x)
		slot := x.Request(slotSize)
		binary.LittleEndian.PutUint64(slot, x.ID())
		binary.LittleEndian.PutUint32(slot[8:], op)
		binary.LittleEndian.PutUint64(slot[16:], v)
		binary.LittleEndian.PutUint32(slot[12:], uint32(len(segs)))
		for i, s := range segs {
			for j, w := range []uint32{uint32(s.Ref), s.Offset, s.Length} {
				binary.LittleEndian.PutUint32(slot[24+12*i+4*j:], w)
			}
		}
	}
	if err := x.Run(context.Background(), encode, true); err != nil {
		t.Fatal(err)
	}
	return value(x)
}

// TestCopiedSegments: what is copied is what the request names, and nothing else.
func TestCopiedSegments(t *testing.T) {
	p := newPair(t, copying)
	p.connect()
	g := must[platform.Grant](t)(p.front.Grant(p.back.ID(), 2, platform.ReadWrite))
	defer g.Free()
	mem := g.Memory().Unstable()
	for i := range mem {
		mem[i] = 1
	}
	segs := []transport.Segment{{Ref: g.Refs()[1], Offset: 512, Length: 512}, {Ref: g.Refs()[0], Offset: 4095, Length: 1}}
	if sum := raw(t, p, 1, 5, segs...); sum != 513*5 {
		t.Errorf("a read of two segments: %d", sum)
	}
	want := bytes.Repeat([]byte{1}, 2*shm.PageSize)
	want[4095] = 5
	copy(want[shm.PageSize+512:], bytes.Repeat([]byte{5}, 512))
	if !bytes.Equal(mem, want) {
		t.Error("other bytes were written, or not all that were asked for")
	}
	if sum := raw(t, p, 2, 0, append(segs, transport.Segment{Ref: g.Refs()[0], Length: 10})...); sum != 513*5+10 {
		t.Errorf("a write of three segments: sum %d", sum)
	}
	if raw(t, p, 2, 0, transport.Segment{Ref: g.Refs()[0]}) != 0 {
		t.Error("an empty segment has a sum")
	}
}

// TestCopyRefused: a page that can't be had costs the request, whichever way its data
// goes, and the next one is served.
func TestCopyRefused(t *testing.T) {
	p := newPair(t, copying)
	p.connect()
	g := must[platform.Grant](t)(p.front.Grant(p.back.ID(), 1, platform.ReadOnly))
	defer g.Free()
	read := transport.Segment{Ref: g.Refs()[0], Length: 8}
	bad := transport.Segment{Ref: 0xDEADBEEF, Length: 8}
	for _, c := range []struct {
		what string
		op   uint32
		seg  transport.Segment
		want uint64
	}{
		{"to a page granted to read", 1, read, badBulk},
		{"from it", 2, read, 0},
		{"to a page that isn't", 1, bad, badBulk},
		{"from a page that isn't", 2, bad, badBulk},
		{"to page 0", 1, transport.Segment{Length: 8}, badBulk},
		{"from the page again", 2, read, 0},
	} {
		if got := raw(t, p, c.op, 1, c.seg); got != c.want {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
	}
	if !g.Revoke() {
		t.Error("a copy held on to a page")
	}
}

// TestShortReadShowsNothing: what a handler doesn't write isn't another request's data.
func TestShortReadShowsNothing(t *testing.T) {
	p := newPair(t, copying)
	p.connect()
	secret := bytes.Repeat([]byte{0x55}, shm.PageSize)
	if _, err := p.do(context.Background(), 2, 0, secret, true); err != nil {
		t.Fatal(err)
	}
	p.lazy.Store(true)
	data := bytes.Repeat([]byte{1}, shm.PageSize)
	if _, err := p.do(context.Background(), 1, 9, data, true); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, make([]byte, shm.PageSize)) {
		t.Error("the front end got what nobody wrote for it")
	}
}
