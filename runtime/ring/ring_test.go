package ring

import (
	"bytes"
	"errors"
	"testing"

	"github.com/xenidc/idc/runtime/shm"
)

// pair makes both ends of a ring of n slots.
func pair(t testing.TB, n, stride int) (*Front, *Back, shm.Memory) {
	t.Helper()
	mem := shm.Alloc(HeaderSize + n*stride)
	f, err := NewFront(mem, stride)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewBack(mem, stride)
	if err != nil {
		t.Fatal(err)
	}
	if f.Slots() != n || b.Slots() != n {
		t.Fatalf("%d and %d slots, want %d", f.Slots(), b.Slots(), n)
	}
	return f, b, mem
}

// move makes an idle pair go on at the given index.
func move(f *Front, b *Back, mem shm.Memory, at uint32) {
	mem.Store32(reqProd, at)
	mem.Store32(rspProd, at)
	mem.Store32(reqEvent, at+1)
	mem.Store32(rspEvent, at+1)
	f.prod, f.pushed, f.cons, f.seen = at, at, at, at
	b.prod, b.pushed, b.cons, b.seen = at, at, at, at
}

func TestSlots(t *testing.T) {
	for _, c := range []struct{ bytes, stride, want int }{
		{4096, 112, 32},     // blkif, x86_64
		{4096, 108, 32},     // blkif, x86_32
		{2 * 4096, 112, 64}, // ring-page-order 1
		{16 * 4096, 112, 512} /* ring-page-order 4 */, {16 * 4096, 108, 512},
		{4096, 4032, 1}, {4096, 4033, 0}, {4096, 2016, 2}, {4096, 2017, 1},
		{64, 1, 0}, {65, 1, 1}, {0, 1, 0}, {-5, 1, 0}, {4096, 0, 0}, {4096, -8, 0},
		{1 << 30, 1, maxSlots},
	} {
		if got := Slots(c.bytes, c.stride); got != c.want {
			t.Errorf("Slots(%d, %d) = %d, want %d", c.bytes, c.stride, got, c.want)
		}
	}
}

func TestTooSmall(t *testing.T) {
	if _, err := NewFront(shm.Alloc(100), 112); err == nil {
		t.Error("NewFront made a ring without slots")
	}
	if _, err := NewBack(shm.Alloc(100), 112); err == nil {
		t.Error("NewBack took a ring without slots")
	}
}

func TestHeaderInitialised(t *testing.T) {
	mem := shm.Alloc(256)
	for i := range mem.Unstable() {
		mem.Unstable()[i] = 0xa5
	}
	if _, err := NewFront(mem, 32); err != nil {
		t.Fatal(err)
	}
	want := make([]byte, HeaderSize)
	w := shm.Alloc(HeaderSize)
	w.Store32(reqEvent, 1)
	w.Store32(rspEvent, 1)
	w.CopyOut(want, 0)
	if got := mem.Unstable()[:HeaderSize]; !bytes.Equal(got, want) {
		t.Errorf("header is\n% x, want\n% x", got, want)
	}
	if mem.Unstable()[HeaderSize] != 0xa5 {
		t.Error("NewFront wrote to a slot")
	}
}

func TestRoundTripAllocatesNothing(t *testing.T) {
	f, b, _ := pair(t, 32, 112)
	var slot [64]byte
	if n := testing.AllocsPerRun(100, func() { roundTrip(t, f, b, slot[:]) }); n != 0 {
		t.Errorf("%v allocations in a round trip", n)
	}
}

func roundTrip(t testing.TB, f *Front, b *Back, slot []byte) {
	f.Put(slot)
	f.Push()
	if n, err := b.Requests(); n != 1 || err != nil {
		t.Fatal("requests", n, err)
	}
	b.Take(slot)
	b.Put(slot)
	b.Push()
	if n, err := f.Responses(); n != 1 || err != nil {
		t.Fatal("responses", n, err)
	}
	f.Take(slot)
	if p, err := b.Arm(); p || err != nil {
		t.Fatal("back arm", p, err)
	}
	if p, err := f.Arm(); p || err != nil {
		t.Fatal("front arm", p, err)
	}
}

func TestMisusePanics(t *testing.T) {
	buf := make([]byte, 16)
	for name, do := range map[string]func(*Front, *Back){
		"front put, full":    func(f *Front, _ *Back) { f.Put(buf); f.Put(buf); f.Put(buf) },
		"front put, long":    func(f *Front, _ *Back) { f.Put(make([]byte, 17)) },
		"front take, none":   func(f *Front, _ *Back) { f.Take(buf) },
		"back take, none":    func(_ *Front, b *Back) { b.Take(buf) },
		"back put, none":     func(_ *Front, b *Back) { b.Put(buf) },
		"back take, unasked": func(f *Front, b *Back) { f.Put(buf); f.Push(); b.Take(buf) },
	} {
		t.Run(name, func(t *testing.T) {
			f, b, _ := pair(t, 2, 16)
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			do(f, b)
		})
	}
}

// TestCorruption shows every impossible index to both ends: just outside of the
// possible range, far outside, and backwards, also across the wrap.
func TestCorruption(t *testing.T) {
	buf := make([]byte, 8)
	for _, at := range []uint32{0, 5, 1<<32 - 3, 1 << 31} {
		f, b, mem := pair(t, 4, 8)
		move(f, b, mem, at)
		f.Put(buf)
		f.Put(buf)
		f.Push()
		wantOverflow(t, f.Responses, func() { mem.Store32(rspProd, at+3) }, "rsp_prod", at+3, at+2)
		mem.Store32(rspProd, at) // once broken, it stays so
		wantOverflow(t, f.Responses, func() {}, "rsp_prod", at+3, at+2)

		if n, err := b.Requests(); n != 2 || err != nil {
			t.Fatal(n, err)
		}
		b.Take(buf)
		b.Take(buf)
		b.Put(buf) // one in service, 3 free
		wantOverflow(t, b.Requests, func() { mem.Store32(reqProd, at+1) }, "req_prod", at+1, at+5)
		if _, err := b.Arm(); !errors.Is(err, ErrOverflow) {
			t.Error("Arm on a broken ring:", err)
		}
	}
}

// TestServiceLimit leaves requests in service: their slots hold no new ones.
func TestServiceLimit(t *testing.T) {
	buf := make([]byte, 8)
	for _, at := range []uint32{0, ^uint32(0) - 2} {
		for service := uint32(0); service <= 4; service++ {
			for claim := uint32(0); claim <= 6; claim++ {
				f, b, mem := pair(t, 4, 8)
				move(f, b, mem, at)
				for range service {
					f.Put(buf)
				}
				f.Push()
				for range service {
					_, _ = b.Requests()
					b.Take(buf)
				}
				mem.Store32(reqProd, at+service+claim)
				n, err := b.Requests()
				if service+claim > 4 != errors.Is(err, ErrOverflow) || err == nil && n != int(claim) {
					t.Errorf("%d in service, %d more claimed: %d, %v", service, claim, n, err)
				}
			}
		}
	}
}

func TestBackwards(t *testing.T) {
	buf := make([]byte, 8)
	f, b, mem := pair(t, 4, 8)
	roundTrip(t, f, b, buf)
	wantOverflow(t, f.Responses, func() { mem.Store32(rspProd, 0) }, "rsp_prod", 0, 1)
	wantOverflow(t, b.Requests, func() { mem.Store32(reqProd, 1+4+1) }, "req_prod", 6, 5)
}

func wantOverflow(t *testing.T, ask func() (int, error), corrupt func(), index string, value, limit uint32) {
	t.Helper()
	corrupt()
	n, err := ask()
	var o *OverflowError
	if n != 0 || !errors.Is(err, ErrOverflow) || !errors.As(err, &o) || o.Index != index || o.Value != value || o.Limit != limit {
		t.Errorf("got %d, %v; want overflow of %s: %d over %d", n, err, index, value, limit)
	}
}

func TestBackResumes(t *testing.T) {
	f, _, mem := pair(t, 4, 8)
	for i := range 4 {
		f.Put([]byte{byte(i)})
	}
	f.Push()
	mem.Store32(rspProd, 1) // an earlier back end answered one and died
	b, err := NewBack(mem, 8)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 4; i++ {
		if n, err := b.Requests(); n != 4-i || err != nil {
			t.Fatal(n, err)
		}
		var one [1]byte
		b.Take(one[:])
		if one[0] != byte(i) {
			t.Errorf("request %d, want %d", one[0], i)
		}
	}
	mem.Store32(reqProd, 6) // 5 ahead of 1
	if _, err := NewBack(mem, 8); !errors.Is(err, ErrOverflow) {
		t.Error("took up a ring with more requests than slots:", err)
	}
}

func bit(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}
