package transport_test

import (
	"context"
	"testing"
	"time"

	"github.com/xenidc/idc/runtime/transport"
)

// async starts transactions at once; the channel gets the value of each that ends.
func (p *pair) async(calls ...*call) <-chan uint64 {
	ended := make(chan uint64, len(calls))
	for _, c := range calls {
		x := must[*transport.Txn](p.t)(p.queue.Begin(context.Background(), nil, 0, 0))
		x.Start(c.encode, func(x *transport.Txn) { v := value(x); x.End(); ended <- v }, true)
	}
	return ended
}

const (
	slow   = 600 // milliseconds
	prompt = 200 * time.Millisecond
)

func first(t *testing.T, ended <-chan uint64, want uint64) {
	t.Helper()
	select {
	case v := <-ended:
		if v != want {
			t.Errorf("%d came first", v)
		}
	case <-time.After(prompt):
		t.Errorf("nothing came for %v", prompt)
	}
}

// A handler that was always fast and now blocks doesn't leave the ring unattended
// while other workers are idle.
func TestSuddenlySlowHandler(t *testing.T) {
	for name, opts := range map[string][]option{"spinning": {workers(2)}, "sleeping": {asleep, workers(2)}} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, opts...)
			p.connect()
			for i := range uint64(200) {
				if _, err := p.do(context.Background(), 0, i, nil, true); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 { // the vigil, too, is woken again after a rest
				time.Sleep(50 * time.Millisecond)
				late := p.async(&call{3, slow})
				time.Sleep(20 * time.Millisecond)
				first(t, p.async(&call{0, 7}), 8)
				first(t, p.async(&call{0, 8}), 9)
				<-late
			}
		})
	}
}

// An answer that is ready isn't held back by a slow request behind it.
func TestAnswerBeforeSlowRequest(t *testing.T) {
	p := newPair(t, asleep)
	ended := p.async(&call{0, 7}, &call{3, slow})
	p.connect() // sends both at once
	first(t, ended, 8)
	<-ended
}
