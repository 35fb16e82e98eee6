package blk_test

import (
	"bytes"
	"errors"
	"sync"
	"testing"

	"github.com/xenidc/idc/generated/blk"
	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/idc/idctest"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/sim"
	"github.com/xenidc/idc/runtime/shm"
)

// TestFewGrants has a front end make do with fewer pages than all its requests could
// use at once: gntalloc lets a domain have 1024 by default, for all of its programs.
func TestFewGrants(t *testing.T) {
	testenv.Leaks(t)
	const sectors = 4096
	for _, grants := range []int{270, 1000} {
		w := idctest.World(t, sim.Options{Grants: grants})
		front, back := idctest.Domain(t, w), idctest.Domain(t, w)
		d := newDisk(sectors)
		s := blk.Export(back, "disk", blk.BackKeys{Sectors: sectors, SectorSize: 512}, d)
		f, err := blk.Open(t.Context(), front, "disk")
		if err != nil {
			t.Fatalf("of %d grants: %v", grants, err)
		}
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				want := noise(uint64(i), 512*sectors/4)
				got := make([]byte, len(want))
				at := blk.Sectors(i * sectors / 4)
				if s, err := f.Write(t.Context(), at, want); s != blk.StatusOkay || err != nil {
					t.Errorf("write: %v, %v", s, err)
				}
				if s, err := f.Read(t.Context(), at, got); s != blk.StatusOkay || err != nil || !bytes.Equal(got, want) {
					t.Errorf("read: %v, %v", s, err)
				}
			})
		}
		wg.Wait()
		f.Close()
		s.Close()
	}
}

// TestFewGrantsForBuffers allocates buffers until there are no more, and after them
// larger ones: those that were freed aren't kept at the expense of others.
func TestFewGrantsForBuffers(t *testing.T) {
	testenv.Leaks(t)
	w := idctest.World(t, sim.Options{Grants: 1000})
	front, back := idctest.Domain(t, w), idctest.Domain(t, w)
	d := newDisk(4096)
	s := blk.Export(back, "disk", d.keys(), d)
	defer s.Close()
	f, err := blk.Open(t.Context(), front, "disk")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []*idc.Buffer
	for {
		b, err := f.Alloc(shm.PageSize)
		if errors.Is(err, platform.ErrNoSpace) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	if len(all) < 2 {
		t.Fatalf("only %d pages were left for buffers", len(all))
	}
	for _, b := range all {
		b.Free()
	}
	b, err := f.Alloc(2 * shm.PageSize)
	if err != nil {
		t.Fatal(err)
	}
	b.Free()
}
