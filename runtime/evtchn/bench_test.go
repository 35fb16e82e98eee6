package evtchn

import "testing"

// BenchmarkEvent is one event there and consumed, in one goroutine.
func BenchmarkEvent(b *testing.B) {
	p := newPair(b, 64)
	deliver := func(uint32) {}
	b.ReportAllocs()
	for b.Loop() {
		p.s.SetPending(9, PriorityDefault)
		p.r.Consume(4, deliver)
	}
}

// BenchmarkMerged is an event on a port whose event is pending already.
func BenchmarkMerged(b *testing.B) {
	p := newPair(b, 64)
	p.s.SetPending(9, PriorityDefault)
	for b.Loop() {
		p.s.SetPending(9, PriorityDefault)
	}
}
