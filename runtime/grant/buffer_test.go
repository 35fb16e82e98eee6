package grant

import (
	"slices"
	"sync"
	"testing"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

func newBuffer(t testing.TB, d *fakeDomain, bytes int) *Buffer {
	t.Helper()
	b, err := NewBuffer(d, 7, bytes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func TestFind(t *testing.T) {
	d := newFake()
	t.Cleanup(func() { d.noLeaks(t) })
	var s Set
	if _, _, ok := s.Find(make([]byte, 1)); ok {
		t.Error("found something in an empty set")
	}
	var bufs []*Buffer
	for _, n := range []int{1, 5000, 3 * shm.PageSize, 100} {
		bufs = append(bufs, newBuffer(t, d, n))
		s.Add(bufs[len(bufs)-1])
		s.Add(bufs[len(bufs)-1])
	}
	if s.Len() != 4 {
		t.Errorf("%d buffers", s.Len())
	}
	three := bufs[2]
	for _, c := range []struct {
		p      []byte
		refs   []platform.GrantRef
		offset int
	}{
		{bufs[0].Bytes(), bufs[0].Refs(), 0},
		{bufs[1].Bytes(), bufs[1].Refs(), 0},
		{bufs[1].Bytes()[4999:], bufs[1].Refs()[1:], 4999 - 4096},
		{three.Bytes(), three.Refs(), 0},
		{three.Bytes()[:4096], three.Refs()[:1], 0},
		{three.Bytes()[4095:4097], three.Refs()[:2], 4095},
		{three.Bytes()[4096:8192], three.Refs()[1:2], 0},
		{three.Bytes()[12287:], three.Refs()[2:], 4095},
		{bufs[3].Bytes()[50:60], bufs[3].Refs(), 50},
	} {
		refs, off, ok := s.Find(c.p)
		if !ok || off != c.offset || !slices.Equal(refs, c.refs) || cap(refs) != len(refs) {
			t.Errorf("found %v, %d, %v; want %v, %d", refs, off, ok, c.refs, c.offset)
		}
	}
	for name, p := range map[string][]byte{
		"nil": nil, "empty": three.Bytes()[:0], "foreign": make([]byte, 10),
	} {
		if _, _, ok := s.Find(p); ok {
			t.Error("found", name)
		}
	}
	s.Remove(three)
	s.Remove(three)
	if _, _, ok := s.Find(three.Bytes()); ok || s.Len() != 3 {
		t.Error("found a buffer that was removed")
	}
	if _, _, ok := s.Find(bufs[1].Bytes()); !ok {
		t.Error("lost a buffer that stayed")
	}
}

// TestFindNeighbours lets two buffers touch: a slice over both lies in neither.
func TestFindNeighbours(t *testing.T) {
	mem := shm.Alloc(2 * shm.PageSize)
	a := &Buffer{mem: mem.Page(0), refs: []platform.GrantRef{8}, bytes: shm.PageSize}
	b := &Buffer{mem: mem.Page(1), refs: []platform.GrantRef{9}, bytes: shm.PageSize}
	var s Set
	s.Add(b)
	s.Add(a)
	all := mem.Unstable()
	if _, _, ok := s.Find(all[4000:5000]); ok {
		t.Error("found a slice over two buffers")
	}
	if refs, off, ok := s.Find(all[4096:4097]); !ok || off != 0 || refs[0] != 9 {
		t.Error(refs, off, ok)
	}
	if refs, off, ok := s.Find(all[4095:4096]); !ok || off != 4095 || refs[0] != 8 {
		t.Error(refs, off, ok)
	}
}

func TestBufferSize(t *testing.T) {
	d := newFake()
	for bytes, pages := range map[int]int{1: 1, 4095: 1, 4096: 1, 4097: 2, 65536: 16} {
		b := newBuffer(t, d, bytes)
		if len(b.Bytes()) != bytes || cap(b.Bytes()) != bytes || len(b.Refs()) != pages || b.Memory().Len() != pages*shm.PageSize {
			t.Errorf("%d bytes: %d, %d refs", bytes, len(b.Bytes()), len(b.Refs()))
		}
		b.Close()
		b.Close()
	}
	d.noLeaks(t)
}

func TestFindAllocatesNothing(t *testing.T) {
	var s Set
	b := newBuffer(t, newFake(), 1<<16)
	s.Add(b)
	p := b.Bytes()[100:10000]
	if n := testing.AllocsPerRun(100, func() { s.Find(p) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSetConcurrent(t *testing.T) {
	d := newFake()
	var s Set
	stay := newBuffer(t, d, 9000)
	s.Add(stay)
	var wg sync.WaitGroup
	for range 2 {
		b := newBuffer(t, d, 5000)
		wg.Go(func() {
			for range 500 {
				s.Add(b)
				s.Remove(b)
			}
		})
		wg.Go(func() {
			for range 2000 {
				if _, _, ok := s.Find(stay.Bytes()); !ok {
					t.Error("lost a buffer while others came and went")
					return
				}
			}
		})
	}
	wg.Wait()
	if s.Len() != 1 {
		t.Errorf("%d buffers remain", s.Len())
	}
}

func BenchmarkFind(b *testing.B) {
	d := newFake()
	for _, n := range []int{1, 8, 512} {
		b.Run(map[int]string{1: "1", 8: "8", 512: "512"}[n], func(b *testing.B) {
			var s Set
			var last *Buffer
			for range n {
				last = newBuffer(b, d, 1)
				s.Add(last)
			}
			p := last.Bytes()
			b.ReportAllocs()
			for b.Loop() {
				if _, _, ok := s.Find(p); !ok {
					b.Fatal("not found")
				}
			}
		})
	}
}
