package transport_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/xenidc/idc/runtime/grant"
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

// What a handler doesn't write, the caller's buffer keeps, wherever its data is staged:
// nothing of another transaction's, and no zeros.
func TestOnlyWhatIsWrittenArrives(t *testing.T) {
	for _, m := range modes {
		for _, shared := range []bool{false, true} {
			for _, part := range parts {
				t.Run(fmt.Sprintf("%s, %s, shared=%v", m.name, part.name, shared), func(t *testing.T) {
					p := newPair(t, m.opts...)
					p.connect()
					arrives(t, p, shared, part.write, part.want)
				})
			}
		}
	}
}

var parts = []struct {
	name  string
	write func(b *transport.Bulk) error
	want  [][2]int // runs of bytes that are written
}{
	{"nothing", func(*transport.Bulk) error { return nil }, nil},
	{"CopyFrom", func(b *transport.Bulk) error { b.CopyFrom(fill(4), 0); return nil }, [][2]int{{0, 4}}},
	{"out of order", func(b *transport.Bulk) error {
		for _, off := range []int{9000, 10, 4090, 12, 8999, 20, 0} {
			b.CopyFrom(fill(8), off)
		}
		return nil
	}, [][2]int{{0, 8}, {10, 28}, {4090, 4098}, {8999, 9008}}},
	{"WriteAt", func(b *transport.Bulk) error {
		if n, err := b.WriteAt(fill(100), int64(b.Len()-10)); n != 10 || !errors.Is(err, io.ErrShortWrite) {
			return fmt.Errorf("%d, %v", n, err)
		}
		return nil
	}, [][2]int{{9990, 10000}}},
	{"Unstable", func(b *transport.Bulk) error {
		pieces := b.Unstable()
		copy(pieces[len(pieces)-1], fill(3))
		return nil
	}, nil}, // where it is depends on the pieces
	{"Unstable after CopyFrom", func(b *transport.Bulk) error {
		b.CopyFrom(fill(5), 5000)
		copy(b.Unstable()[0], fill(3))
		return nil
	}, [][2]int{{0, 3}, {5000, 5005}}},
	{"Fill", func(b *transport.Bulk) error {
		_, err := b.Fill(func(pieces [][]byte) (int, error) { return copy(pieces[0], fill(7)), nil })
		return err
	}, [][2]int{{0, 7}}},
	{"read back", func(b *transport.Bulk) error {
		b.CopyFrom(fill(5), 1)
		p := make([]byte, 8)
		if n, err := b.ReadAt(p, 0); n != 8 || err != nil || !bytes.Equal(p, []byte{0xEE, 7, 7, 7, 7, 7, 0xEE, 0xEE}) {
			return fmt.Errorf("%d, %v: % x", n, err, p)
		}
		return nil
	}, [][2]int{{1, 6}}},
}

func fill(n int) []byte { return bytes.Repeat([]byte{7}, n) }

func arrives(t *testing.T, p *pair, shared bool, write func(*transport.Bulk) error, want [][2]int) {
	const size = 10000
	secret := bytes.Repeat([]byte{0x55}, size)
	for range 2 { // of another caller, both ways
		if _, err := p.do(context.Background(), 2, 0, secret, true); err != nil {
			t.Fatal(err)
		}
		if _, err := p.do(context.Background(), 1, 0x55, make([]byte, size), true); err != nil {
			t.Fatal(err)
		}
	}
	data := make([]byte, size)
	if shared {
		b := must[*grant.Buffer](t)(grant.NewBuffer(p.front, p.back.ID(), size))
		defer b.Close()
		p.buffers.Add(b)
		defer p.buffers.Remove(b)
		data = b.Bytes()
	}
	for i := range data {
		data[i] = 0xEE
	}
	p.write.Store(&write)
	if v, err := p.do(context.Background(), 1, 9, data, true); err != nil || v == badBulk {
		t.Fatalf("%d, %v", v, err)
	}
	expect := bytes.Repeat([]byte{0xEE}, size)
	for _, run := range want {
		copy(expect[run[0]:run[1]], fill(size))
	}
	if want == nil {
		for i, b := range data {
			if b == 7 {
				expect[i] = 7
			}
		}
	}
	if !bytes.Equal(data, expect) {
		t.Error("the caller's buffer holds other bytes than it had and were written to it")
	}
}

// Data that comes In isn't written, and read as io.ReaderAt says.
func TestBulkIsAReaderAt(t *testing.T) {
	eachMode(t, func(t *testing.T, p *pair) {
		p.check.Store(new(func(b *transport.Bulk) error {
			if n, err := b.WriteAt(fill(1), 0); n != 0 || !errors.Is(err, transport.ErrDirection) {
				return fmt.Errorf("WriteAt: %d, %v", n, err)
			}
			if n, err := b.Fill(func([][]byte) (int, error) { return 1, nil }); n != 0 || !errors.Is(err, transport.ErrDirection) {
				return fmt.Errorf("Fill: %d, %v", n, err)
			}
			return iotest.TestReader(io.NewSectionReader(b, 0, int64(b.Len())), bytes.Repeat([]byte{3}, 5000))
		}))
		if v, err := p.do(context.Background(), 2, 0, bytes.Repeat([]byte{3}, 5000), true); err != nil || v == badBulk {
			t.Errorf("%d, %v", v, err)
		}
	})
}
