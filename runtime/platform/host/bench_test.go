//go:build linux

package host_test

import (
	"testing"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host/broker"
	"github.com/xenidc/idc/runtime/shm"
)

// BenchmarkRoundTrip is Notify to Wait in another process and back, both sleeping.
// On two CPUs the scheduler decides where the processes run; under taskset -c 0 it
// is the cost without a wake-up across CPUs.
func BenchmarkRoundTrip(b *testing.B) {
	br := startBroker(b, broker.Options{})
	d := join(b, br)
	defer d.Close()
	p := start(b, br.Path(), "echo", d.ID())
	var port platform.Port
	p.read(b, &port)
	ch, err := d.Bind(p.id, port)
	if err != nil {
		b.Fatal(err)
	}
	for range 10 { // the first, spurious events
		ch.Notify()
		if err := ch.Wait(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		ch.Notify()
		if err := ch.Wait(); err != nil {
			b.Fatal(err)
		}
	}
}

// pair returns two joined domains that end with the benchmark.
func pair(b *testing.B) (x, y platform.Domain) {
	br := startBroker(b, broker.Options{})
	dx, dy := join(b, br), join(b, br)
	b.Cleanup(func() { dx.Close(); dy.Close() })
	return dx, dy
}

// BenchmarkNotifyAwake is Notify when the receiver doesn't sleep.
func BenchmarkNotifyAwake(b *testing.B) {
	x, y := pair(b)
	l, err := x.Listen(y.ID())
	if err != nil {
		b.Fatal(err)
	}
	c, err := y.Bind(x.ID(), l.Port())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Notify()
	}
}

// BenchmarkMapEach maps and unmaps the 11 pages of one blkif request.
func BenchmarkMapEach(b *testing.B) {
	x, y := pair(b)
	g, err := x.Grant(y.ID(), 11, platform.ReadWrite)
	if err != nil {
		b.Fatal(err)
	}
	pages := make([]shm.Memory, 11)
	b.ReportAllocs()
	for b.Loop() {
		if err := y.MapEach(x.ID(), g.Refs(), platform.ReadWrite, pages); err != nil {
			b.Fatal(err)
		}
		y.UnmapEach(x.ID(), g.Refs(), platform.ReadWrite, pages)
	}
}

// BenchmarkGrant grants a page and frees it.
func BenchmarkGrant(b *testing.B) {
	x, y := pair(b)
	b.ReportAllocs()
	for b.Loop() {
		g, err := x.Grant(y.ID(), 1, platform.ReadWrite)
		if err != nil {
			b.Fatal(err)
		}
		g.Free()
	}
}
