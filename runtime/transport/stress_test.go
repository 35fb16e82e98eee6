package transport_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xenidc/idc/runtime/platform/sim"
	"github.com/xenidc/idc/runtime/shm"
	"github.com/xenidc/idc/runtime/transport"
)

var (
	stressFor  = flag.Duration("stress", 200*time.Millisecond, "how long each part of the stress test takes")
	stressSeed = flag.Uint64("seed", 0, "seed of the stress test; 0 draws one")
)

// Calls of all kinds, cancelled at any time, over connections that come and go at any
// time: each ends exactly once, with the right answer or an error that it may have,
// and everything is free again afterwards.
func TestStress(t *testing.T) {
	for _, procs := range []int{1, 2} {
		for _, m := range modes {
			t.Run(fmt.Sprintf("%s, %d CPUs", m.name, procs), func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				stress(t, m.opts)
			})
		}
	}
}

// stressor makes calls on one pair.
type stressor struct {
	*pair
	ctx           context.Context // ends before the queue is closed
	begun, ended  atomic.Int64    // asynchronous ones
	good, unlucky atomic.Int64
}

func stress(t *testing.T, opts []option) {
	seed := *stressSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-seed %d", seed)
	p := newPairIn(t, sim.Options{Dial: noStore, Hook: sim.Shake(seed, 3)}, opts...)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := &stressor{pair: p, ctx: ctx}
	var callers sync.WaitGroup
	for i := range uint64(40) { // more than there are slots
		callers.Go(func() { s.calls(rand.New(rand.NewPCG(seed, i+1))) })
	}
	s.connections(rand.New(rand.NewPCG(seed, 0)))
	cancel()
	s.idle(t, &callers)
}

// connections connects and disconnects.
func (s *stressor) connections(r *rand.Rand) {
	for end := time.Now().Add(*stressFor); time.Now().Before(end); {
		s.poolPages, s.segments = 1+r.IntN(70), 1+r.IntN(maxSegs)
		s.connect()
		time.Sleep(time.Duration(r.IntN(8000)) * time.Microsecond)
		s.disconnect(transport.ErrDisconnected)
		time.Sleep(time.Duration(r.IntN(500)) * time.Microsecond)
	}
	s.poolPages, s.segments = 64, maxSegs
	s.connect()
}

// calls makes calls until it is told to end.
func (s *stressor) calls(r *rand.Rand) {
	data := make([]byte, maxSegs*shm.PageSize)
	for i := uint64(0); s.ctx.Err() == nil; i++ {
		ctx, cancel := s.patience(r)
		part := data[:r.IntN(len(data))*r.IntN(2)]
		if r.IntN(3) == 0 {
			s.start(ctx, i, r.IntN(2) == 0)
		} else if err := s.call(ctx, part, i, r.IntN(2) == 0); err != nil {
			data = make([]byte, len(data)) // it may be lent still
		}
		cancel()
	}
}

// patience is how long a call may take.
func (s *stressor) patience(r *rand.Rand) (context.Context, context.CancelFunc) {
	switch r.IntN(4) {
	case 0:
		return transport.NoWait, func() {}
	case 1:
		return context.WithTimeout(s.ctx, time.Duration(r.IntN(2000))*time.Microsecond)
	default:
		return s.ctx, func() {}
	}
}

// call makes a blocking call.
func (s *stressor) call(ctx context.Context, data []byte, i uint64, replay bool) error {
	op := uint32(0)
	if len(data) > 0 {
		op = 1
	}
	clear(data)
	v, err := s.do(ctx, op, i, data, replay)
	s.account(err)
	switch {
	case err != nil:
	case op == 0 && v != i+1, op == 1 && !bytes.Equal(data, bytes.Repeat([]byte{byte(i)}, len(data))):
		s.t.Errorf("call %d with %d bytes: answer %d, or the wrong bytes", i, len(data), v)
	}
	return err
}

// start makes an asynchronous call.
func (s *stressor) start(ctx context.Context, i uint64, replay bool) {
	x, err := s.queue.Begin(ctx, nil, 0, 0)
	if s.account(err); err != nil {
		return
	}
	s.begun.Add(1)
	var once atomic.Int32
	x.Start((&call{0, i}).encode, func(x *transport.Txn) {
		if once.Add(1) != 1 {
			s.t.Error("ended twice")
		}
		if s.account(x.Err()); x.Err() == nil && value(x) != i+1 {
			s.t.Errorf("asynchronous call %d: answer %d", i, value(x))
		}
		x.End()
		s.ended.Add(1)
	}, replay)
}

func (s *stressor) account(err error) {
	if err == nil {
		s.good.Add(1)
		return
	}
	s.unlucky.Add(1)
	for _, known := range []error{
		transport.ErrDisconnected, transport.ErrWouldBlock, transport.ErrTooLong,
		context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, known) {
			return
		}
	}
	s.t.Errorf("unexpected: %v", err)
}

// idle waits until nothing is under way and checks that nothing was lost.
func (s *stressor) idle(t *testing.T, callers *sync.WaitGroup) {
	over := make(chan struct{})
	go func() { callers.Wait(); close(over) }()
	for limit := time.After(20 * time.Second); ; {
		select {
		case <-over:
			over = nil
		case <-limit:
			buf := make([]byte, 1<<20)
			t.Fatalf("stuck: %d under way, %d of %d asynchronous calls ended\n%s",
				s.queue.Outstanding(), s.ended.Load(), s.begun.Load(), buf[:runtime.Stack(buf, true)])
		case <-time.After(time.Millisecond):
			s.queue.Poll()
		}
		if over == nil && s.queue.Outstanding() == 0 && s.begun.Load() == s.ended.Load() {
			break
		}
	}
	var held []*transport.Txn
	for {
		x, err := s.queue.Begin(transport.NoWait, nil, 0, 0)
		if err != nil {
			break
		}
		held = append(held, x)
	}
	if len(held) != 32 {
		t.Errorf("%d transactions are left", len(held))
	}
	for _, x := range held {
		x.End()
	}
	for range 64 / maxSegs { // and the pages
		held = held[:0]
		x, err := s.queue.Begin(transport.NoWait, make([]byte, maxSegs*shm.PageSize), transport.In, maxSegs)
		if err != nil {
			t.Fatalf("bulk data: %v", err)
		}
		defer x.End()
	}
	t.Logf("%d calls went well, %d didn't", s.good.Load(), s.unlucky.Load())
}
