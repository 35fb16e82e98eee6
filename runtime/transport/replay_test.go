package transport_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/xenidc/idc/runtime/grant"
	"github.com/xenidc/idc/runtime/shm"
	"github.com/xenidc/idc/runtime/transport"
)

// queued waits until n transactions wait or are under way.
func (p *pair) queued(n int) {
	for p.queue.Outstanding() < n {
		time.Sleep(time.Millisecond)
	}
}

// unanswered connects to a back end that answers nothing, starts f n times with one shared
// buffer, and disconnects, so that f's transactions are kept to be replayed.
func unanswered(p *pair, n int, f func(shared []byte)) (free func()) {
	p.connect()
	b := must[*grant.Buffer](p.t)(grant.NewBuffer(p.front, p.back.ID(), maxSegs*shm.PageSize))
	p.buffers.Add(b)
	p.server.Stop(true)
	for range n {
		go f(b.Bytes())
	}
	p.queued(n)
	p.channel.Close()
	transport.Detach(transport.ErrDisconnected, p.queue)
	p.buffers.Remove(b)
	p.abandon()
	return b.Close
}

// A replayed transaction that waits for pages lets the others have them when its
// caller gives up.
func TestCancelledWhileStarved(t *testing.T) {
	p := newPair(t, asleep)
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 2)
	free := unanswered(p, 2, func(shared []byte) {
		_, err := p.do(ctx, 1, 5, shared, true)
		result <- err
	})
	defer free()
	p.poolPages = maxSegs // enough for one of them
	entered, resume := p.stalled()
	p.connect()
	<-entered
	cancel()
	for range 2 {
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	}
	close(resume)
	patience, done := context.WithTimeout(context.Background(), 5*time.Second)
	defer done()
	if _, err := p.do(patience, 1, 5, make([]byte, 10), true); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

// A replayed transaction that will never get its pages on this connection ends, and so
// does a new one.
func TestReplayedBufferNeverFits(t *testing.T) {
	p := newPair(t, asleep)
	result := make(chan error, 1)
	free := unanswered(p, 1, func(shared []byte) {
		_, err := p.do(context.Background(), 1, 5, shared, true)
		result <- err
	})
	defer free()
	p.poolPages = maxSegs - 1
	p.connect()
	if err := <-result; !errors.Is(err, transport.ErrTooLong) {
		t.Errorf("replayed: %v", err)
	}
	if _, err := p.do(context.Background(), 1, 5, make([]byte, maxSegs*shm.PageSize), true); !errors.Is(err, transport.ErrTooLong) {
		t.Errorf("new: %v", err)
	}
	if n := p.queue.Carry(make([]byte, maxSegs*shm.PageSize), maxSegs); n != (maxSegs-1)*shm.PageSize {
		t.Errorf("one request carries %d bytes", n)
	}
}

// A connection that carries less than the one before fails what is too long for it,
// and nothing else.
func TestReplayedOverShorterRequests(t *testing.T) {
	p := newPair(t, asleep)
	result := make(chan error, 1)
	free := unanswered(p, 1, func(shared []byte) {
		_, err := p.do(context.Background(), 1, 5, shared, true)
		result <- err
	})
	defer free()
	p.poolPages, p.segments = 1, 1
	p.connect()
	select {
	case err := <-result:
		if !errors.Is(err, transport.ErrTooLong) {
			t.Errorf("too long: %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("what is too long waits for ever")
		p.disconnect(transport.ErrDisconnected)
		p.queue.Close(transport.ErrClosed)
		<-result
		return
	}
	if _, err := p.do(context.Background(), 1, 5, make([]byte, 10), true); err != nil {
		t.Error(err)
	}
}

// Those that wait keep their order when one among them is cancelled.
func TestCancelKeepsTheOrder(t *testing.T) {
	p := newPair(t, asleep)
	ctx, cancel := context.WithCancel(context.Background())
	errs, order := make(chan error, 8), []uint64{}
	for i := range uint64(5) {
		its := context.Background()
		if i == 1 {
			its = ctx
		}
		go func() {
			x := must[*transport.Txn](t)(p.queue.Begin(its, nil, 0, 0))
			err := x.Run(its, func(x *transport.Txn) {
				order = append(order, i) // under the queue's lock
				(&call{0, i}).encode(x)
			}, true)
			if err == nil {
				x.End()
			}
			errs <- err
		}()
		p.queued(int(i) + 1)
	}
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	p.connect()
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	for i := range order {
		if i > 0 && order[i] < order[i-1] {
			t.Fatalf("sent in the order %v", order)
		}
	}
}

// Whoever waits in Begin on a queue that is stranded is told so.
func TestStrandedWaiters(t *testing.T) {
	p := newPair(t, asleep)
	errs := beginners(context.Background(), p, 3)
	time.Sleep(5 * time.Millisecond)
	p.queue.Strand(transport.ErrDisconnected)
	for range cap(errs) {
		select {
		case err := <-errs:
			if !errors.Is(err, transport.ErrDisconnected) {
				t.Error(err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("somebody waits for a queue that gets no link")
		}
	}
}

// A producer that runs away with nothing under way ends the link, and costs no
// processor time until then.
func TestRunawayResponsesWithNothingUnderWay(t *testing.T) {
	p := newPair(t, asleep)
	p.poolPages = maxSegs
	p.connect()
	x := must[*transport.Txn](t)(p.queue.Begin(context.Background(), make([]byte, maxSegs*shm.PageSize), transport.In, maxSegs))
	errs := beginners(context.Background(), p, 2) // for pages that x holds
	time.Sleep(10 * time.Millisecond)
	p.server.Stop(true)
	p.mapping.Memory().Store32(8, 1000)
	p.far.Notify()
	waitFailure(t, p)
	before := cpu(t)
	time.Sleep(200 * time.Millisecond)
	if used := cpu(t) - before; used > 70*time.Millisecond {
		t.Errorf("took %v of processor time", used)
	}
	x.End()
	p.disconnect(transport.ErrDisconnected)
	p.connect()
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
