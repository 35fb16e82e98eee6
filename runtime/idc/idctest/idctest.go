// Package idctest lets a driver author test both ends of a protocol in one process:
// two simulated domains and a store, checked for leaks when the test ends.
//
//	func TestDisk(t *testing.T) {
//		front, back := idctest.Pair(t)
//		s := blk.Export(back, "disk", keys, driver)
//		defer s.Close()
//		f, err := blk.Open(t.Context(), front, "disk")
//		...
//	}
package idctest

import (
	"testing"

	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/platform/sim"
)

// Pair returns two domains that can reach each other. When the test ends they are
// gone, and the test fails if either still held a grant, a mapping, a channel or a
// store connection: close what you opened before.
func Pair(tb testing.TB) (front, back idc.Domain) {
	tb.Helper()
	w := World(tb, sim.Options{})
	return Domain(tb, w), Domain(tb, w)
}

// World returns a world without domains, for tests that kill domains or make
// operations fail. It is checked and closed like Pair's.
func World(tb testing.TB, opts sim.Options) *sim.World {
	tb.Helper()
	w := sim.New(opts)
	tb.Cleanup(func() {
		for _, leak := range w.Leaks() {
			tb.Error("left open when the test ended: ", leak)
		}
		w.Close()
	})
	return w
}

// Domain starts a domain in w.
func Domain(tb testing.TB, w *sim.World) *sim.Domain {
	tb.Helper()
	d, err := w.NewDomain()
	if err != nil {
		tb.Fatal("start a domain: ", err)
	}
	return d
}
