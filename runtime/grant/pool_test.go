package grant

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

func newPool(t testing.TB, d *fakeDomain, pages int) *Pool {
	t.Helper()
	p, err := NewPool(d, 7, pages, platform.ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(); d.noLeaks(t) })
	return p
}

func TestPoolTakesAllOrNothing(t *testing.T) {
	p := newPool(t, newFake(), 4)
	var out [5]uint32
	if p.Take(5, out[:]) {
		t.Error("took 5 of 4")
	}
	if p.Free() != 4 || p.Size() != 4 {
		t.Errorf("%d of %d are free", p.Free(), p.Size())
	}
	if !p.Take(0, nil) || !p.Take(4, out[:]) || p.Take(1, out[4:]) || p.Free() != 0 {
		t.Error("0, 4 of 4, then 1 of 0 should be true, true, false")
	}
	if !slices.Equal(out[:4], []uint32{0, 1, 2, 3}) {
		t.Error("took", out[:4])
	}
}

func TestPoolRecyclesLastGiven(t *testing.T) {
	p := newPool(t, newFake(), 8)
	var out, again [3]uint32
	p.Take(3, out[:])
	p.Give(out[:])
	if p.Take(3, again[:]); out != again {
		t.Errorf("gave %v, took %v", out, again)
	}
	p.Give([]uint32{1})
	if p.Take(1, again[:]); again[0] != 1 {
		t.Errorf("gave 1, took %d", again[0])
	}
}

func TestPoolPages(t *testing.T) {
	p := newPool(t, newFake(), 3)
	for i := range uint32(3) {
		p.Page(i).Store32(0, i+1)
		if p.Page(i).Len() != shm.PageSize || p.Ref(i) != platform.GrantRef(8+i) {
			t.Errorf("page %d: %d bytes, reference %d", i, p.Page(i).Len(), p.Ref(i))
		}
	}
	for i := range uint32(3) {
		if v := p.Page(i).Load32(0); v != i+1 {
			t.Errorf("page %d holds %d: pages overlap", i, v)
		}
	}
}

func TestPoolMisuse(t *testing.T) {
	p := newPool(t, newFake(), 2)
	out := make([]uint32, 1)
	p.Take(1, out)
	p.Give(out)
	mustPanic(t, "twice", func() { p.Give(out) })
	mustPanic(t, "foreign", func() { p.Give([]uint32{2}) })
	mustPanic(t, "never lent", func() { p.Give([]uint32{1}) })
	mustPanic(t, "out too short", func() { p.Take(2, out) })
	if p.Free() != 2 {
		t.Errorf("%d free after misuse", p.Free())
	}
}

func TestPoolFails(t *testing.T) {
	d := newFake()
	d.grantErr = errGrant
	if _, err := NewPool(d, 7, 2, platform.ReadOnly); !errors.Is(err, errGrant) {
		t.Error(err)
	}
	if _, err := NewBuffer(d, 7, 2); !errors.Is(err, errGrant) {
		t.Error(err)
	}
	if _, err := NewPool(d, 7, 0, platform.ReadOnly); err == nil {
		t.Error("made a pool of no pages")
	}
	if _, err := NewBuffer(d, 7, 0); err == nil {
		t.Error("made a buffer of no bytes")
	}
}

// A pool has no more pages than were needed at once, and no more than the platform has.
func TestPoolGrows(t *testing.T) {
	d := newFake()
	shorts := make(chan error, 2)
	p, err := GrowingPool(d, 7, 3, 200, platform.ReadWrite, func(err error) { shorts <- err })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { p.Close(); d.noLeaks(t) }()
	if p.Granted() != 3 || p.Size() != 200 || p.Free() != 200 {
		t.Errorf("%d granted of %d, %d free", p.Granted(), p.Size(), p.Free())
	}
	out := make([]uint32, 200)
	seen := map[platform.GrantRef]bool{}
	for _, n := range []int{2, 1, 60, 40} {
		if !p.Take(n, out) {
			t.Fatalf("%d weren't to be had", n)
		}
		for _, i := range out[:n] {
			if p.Page(i).Len() != shm.PageSize || seen[p.Ref(i)] {
				t.Errorf("page %d: %d bytes, reference %d", i, p.Page(i).Len(), p.Ref(i))
			}
			seen[p.Ref(i)] = true
		}
		if n == 1 && p.Granted() != 3 {
			t.Errorf("%d pages were granted for 3", p.Granted())
		}
	}
	d.grantErr = errGrant
	if p.Take(97, out) {
		t.Error("took what the platform hasn't")
	}
	if err := <-shorts; !errors.Is(err, errGrant) || p.Size() != p.Granted() {
		t.Errorf("short: %v; %d of %d", err, p.Granted(), p.Size())
	}
	d.grantErr = nil
	if p.Take(p.Free()+1, out) || !p.Take(p.Free(), out) {
		t.Error("not what is left")
	}
}

func TestPoolClosed(t *testing.T) {
	d := newFake()
	p := newPool(t, d, 2)
	out := make([]uint32, 1)
	p.Take(1, out)
	p.Close()
	p.Close()
	if d.freed != 1 {
		t.Errorf("freed %d times", d.freed)
	}
	if p.Take(1, out) {
		t.Error("took from a closed pool")
	}
	p.Give(out) // a transaction that ends late
}

func TestPoolAllocatesNothing(t *testing.T) {
	p := newPool(t, newFake(), 64)
	out := make([]uint32, 11)
	if n := testing.AllocsPerRun(100, func() { p.Take(11, out); p.Give(out) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestPoolNeverLendsTwice has goroutines take and give at random, each marking the
// pages that it holds.
func TestPoolNeverLendsTwice(t *testing.T) {
	p := newPool(t, newFake(), 32)
	var wg sync.WaitGroup
	for g := range uint32(4) {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(g)))
			var out [16]uint32
			for range 2000 {
				n := rnd.IntN(len(out))
				if !p.Take(n, out[:]) {
					continue
				}
				for _, i := range out[:n] {
					if !p.Page(i).CompareAndSwap32(0, 0, g+1) {
						t.Errorf("page %d is lent to two", i)
					}
				}
				for _, i := range out[:n] {
					p.Page(i).Store32(0, 0)
				}
				p.Give(out[:n])
			}
		})
	}
	wg.Wait()
	if p.Free() != p.Size() {
		t.Errorf("%d of %d are free", p.Free(), p.Size())
	}
}

func BenchmarkPool(b *testing.B) {
	p := newPool(b, newFake(), 64)
	out := make([]uint32, 11)
	b.ReportAllocs()
	for b.Loop() {
		p.Take(11, out)
		p.Give(out)
	}
}
