package blk_test

import (
	"testing"

	"github.com/xenidc/idc/generated/blk"
	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/idc/idctest"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/sim"
)

// A disk that nobody uses yet takes few pages, however many its requests could use at
// once.
func TestMemoryBeforeTheFirstRequest(t *testing.T) {
	testenv.Leaks(t)
	w := idctest.World(t, sim.Options{Grants: 10000})
	front, back := idctest.Domain(t, w), idctest.Domain(t, w)
	d := newDisk(4096)
	s := blk.Export(back, "disk", d.keys(), d)
	defer s.Close()
	f, err := blk.Open(t.Context(), front, "disk")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rest, err := front.Grant(back.ID(), 10000-64, platform.ReadWrite)
	if err != nil {
		t.Fatalf("the front end has more than 64 pages granted: %v", err)
	}
	rest.Free()
	p := make([]byte, 1<<20)
	if s, err := f.Write(t.Context(), 0, p); s != blk.StatusOkay || err != nil {
		t.Errorf("%v, %v", s, err)
	}
}
