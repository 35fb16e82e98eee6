//go:build linux && xenlab

package xen_test

import (
	"fmt"
	"testing"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/xen"
	"github.com/xenidc/idc/runtime/shm"
)

// BenchmarkRequestData compares the ways to a request's pages: to map and unmap them,
// or to copy them. transport.copyMost stands on it.
func BenchmarkRequestData(b *testing.B) {
	d, err := xen.Join(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	for _, n := range []int{1, 4, 11, 32, 64, 128, 256} {
		g, err := d.Grant(d.ID(), n, platform.ReadWrite)
		if err != nil {
			b.Fatal(err)
		}
		pages := make([]shm.Memory, n)
		local := shm.Alloc(n * shm.PageSize)
		pieces := make([]platform.CopyPiece, n)
		for i := range pieces {
			pieces[i] = platform.CopyPiece{Ref: g.Refs()[i], Local: local.Page(i).Unstable()}
		}
		b.Run(fmt.Sprintf("map-%d", n), func(b *testing.B) {
			for b.Loop() {
				if err := d.MapEach(d.ID(), g.Refs(), platform.ReadWrite, pages); err != nil {
					b.Fatal(err)
				}
				for i := range pages {
					pages[i].Store32(0, 1)
				}
				d.UnmapEach(d.ID(), g.Refs(), platform.ReadWrite, pages)
			}
		})
		b.Run(fmt.Sprintf("copy-%d", n), func(b *testing.B) {
			for b.Loop() {
				if err := d.CopyTo(d.ID(), pieces); err != nil {
					b.Fatal(err)
				}
			}
		})
		g.Free()
	}
}
