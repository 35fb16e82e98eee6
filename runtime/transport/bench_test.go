package transport_test

import (
	"context"
	"testing"

	"github.com/xenidc/idc/runtime/transport"
)

// BenchmarkRoundTrip measures a transaction without bulk data: one at a time, and
// with 32 under way, both by a front end that polls, against one worker and
// against four.
func BenchmarkRoundTrip(b *testing.B) {
	for name, opts := range map[string][]option{
		"one worker":   {polled},
		"four workers": {polled, workers(4)},
	} {
		b.Run("depth 1 polled, "+name, func(b *testing.B) {
			p := newPair(b, opts...)
			p.connect()
			oneByOne(b, p)
		})
		b.Run("depth 32 polled, "+name, func(b *testing.B) {
			p := newPair(b, opts...)
			p.connect()
			inFlight(b, p, 32)
		})
	}
}

func oneByOne(b *testing.B, p *pair) {
	c, ctx := call{0, 1}, context.Background()
	encode := c.encode
	b.ReportAllocs()
	for b.Loop() {
		x, err := p.queue.Begin(ctx, nil, 0, 0)
		if err != nil {
			b.Fatal(err)
		}
		if err := x.Run(ctx, encode, true); err != nil {
			b.Fatal(err)
		}
		x.End()
	}
}

// inFlight keeps so many transactions under way.
func inFlight(b *testing.B, p *pair, depth int) {
	c, ctx, under := call{0, 1}, context.Background(), 0
	encode, done := c.encode, func(x *transport.Txn) { x.End(); under-- }
	b.ReportAllocs()
	for b.Loop() {
		for under >= depth {
			p.queue.Poll()
		}
		x, err := p.queue.Begin(ctx, nil, 0, 0)
		if err != nil {
			b.Fatal(err)
		}
		under++
		x.Start(encode, done, true)
	}
	for under > 0 {
		p.queue.Poll()
	}
}
