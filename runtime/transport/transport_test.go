package transport_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/xenidc/idc/runtime/grant"
	"github.com/xenidc/idc/runtime/shm"
	"github.com/xenidc/idc/runtime/transport"
)

var modes = []struct {
	name string
	opts []option
}{
	{"spinning", nil},
	{"sleeping", []option{asleep}},
	{"polled", []option{polled}},
	{"workers", []option{workers(4)}},
	{"sleeping workers", []option{asleep, workers(4)}},
	{"copying", []option{copying}},
}

func eachMode(t *testing.T, f func(t *testing.T, p *pair)) {
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			p := newPair(t, m.opts...)
			p.connect()
			f(t, p)
		})
	}
}

func TestCallsFromManyGoroutines(t *testing.T) {
	eachMode(t, func(t *testing.T, p *pair) {
		var wg sync.WaitGroup
		for g := range 100 { // more than there are slots
			wg.Go(func() {
				for i := range uint64(20) {
					v, err := p.do(context.Background(), 0, uint64(g)<<32+i, nil, true)
					if err != nil || v != uint64(g)<<32+i+1 {
						t.Errorf("call %d of %d: %d, %v", i, g, v, err)
						return
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestCancellableCalls(t *testing.T) {
	eachMode(t, func(t *testing.T, p *pair) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for i := range uint64(50) {
					if v, err := p.do(ctx, 0, i, nil, true); err != nil || v != i+1 {
						t.Errorf("call: %d, %v", v, err)
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestBulkBothWays(t *testing.T) {
	eachMode(t, func(t *testing.T, p *pair) {
		for _, n := range []int{1, 511, shm.PageSize, shm.PageSize + 1, maxSegs * shm.PageSize} {
			data := make([]byte, n)
			if _, err := p.do(context.Background(), 1, 7, data, true); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(data, bytes.Repeat([]byte{7}, n)) {
				t.Fatalf("%d bytes didn't arrive", n)
			}
			if sum, err := p.do(context.Background(), 2, 0, data, true); err != nil || sum != uint64(7*n) {
				t.Fatalf("%d bytes: sum %d, %v", n, sum, err)
			}
		}
		_, err := p.do(context.Background(), 1, 7, make([]byte, maxSegs*shm.PageSize+1), true)
		if !errors.Is(err, transport.ErrTooLong) {
			t.Fatalf("too long: %v", err)
		}
	})
}

func TestSharedBufferIsNotCopied(t *testing.T) {
	p := newPair(t)
	p.connect()
	b := must[*grant.Buffer](t)(grant.NewBuffer(p.front, p.back.ID(), 2*shm.PageSize))
	defer b.Close()
	p.buffers.Add(b)
	defer p.buffers.Remove(b)
	part := b.Bytes()[100:6000]
	if _, err := p.do(context.Background(), 1, 9, part, true); err != nil {
		t.Fatal(err)
	}
	if b.Bytes()[99] != 0 || b.Bytes()[100] != 9 || b.Bytes()[5999] != 9 || b.Bytes()[6000] != 0 {
		t.Fatal("the wrong bytes were written")
	}
}

func TestReplayAcrossConnections(t *testing.T) {
	eachMode(t, func(t *testing.T, p *pair) {
		const calls = 8
		errs := make(chan error, 2*calls)
		for i := range uint64(calls) {
			go func() {
				data := make([]byte, 5000)
				_, err := p.do(context.Background(), 1, i, data, true)
				if err == nil && !bytes.Equal(data, bytes.Repeat([]byte{byte(i)}, 5000)) {
					err = errors.New("wrong data")
				}
				errs <- err
			}()
			go func() {
				_, err := p.do(context.Background(), 3, 20, nil, false)
				errs <- err
			}()
		}
		for p.served.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		p.disconnect(transport.ErrDisconnected)
		p.connect()
		for range 2 * calls {
			if err := <-errs; err != nil && !errors.Is(err, transport.ErrDisconnected) {
				t.Error(err)
			}
		}
	})
}

func TestCancelWhileUnderWay(t *testing.T) {
	p := newPair(t, asleep)
	p.connect()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	if _, err := p.do(ctx, 3, 50, nil, true); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	if v, err := p.do(context.Background(), 0, 1, nil, true); err != nil || v != 2 {
		t.Fatalf("next call: %d, %v", v, err)
	}
	for p.queue.Outstanding() > 0 { // the peer answers in the end
		time.Sleep(time.Millisecond)
		p.queue.Poll()
	}
}

func TestWaitingForASlotHonoursContext(t *testing.T) {
	p := newPair(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := p.do(ctx, 1, 1, make([]byte, 10), true); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("not connected: %v", err)
	}
	if _, err := p.queue.Begin(transport.NoWait, make([]byte, 10), transport.In, 1); !errors.Is(err, transport.ErrWouldBlock) {
		t.Fatalf("no wait: %v", err)
	}
}

func TestAsynchronous(t *testing.T) {
	eachMode(t, func(t *testing.T, p *pair) {
		const calls = 500
		var done sync.WaitGroup
		done.Add(calls)
		c := call{0, 41}
		finish := func(x *transport.Txn) {
			if x.Err() != nil || value(x) != 42 {
				t.Errorf("%d, %v", value(x), x.Err())
			}
			x.End()
			done.Done()
		}
		for range calls {
			x, err := p.queue.Begin(context.Background(), nil, 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			x.Start(c.encode, finish, true)
		}
		for p.queue.Outstanding() > 0 {
			p.queue.Poll()
		}
		done.Wait()
	})
}

func TestCloseEndsEverything(t *testing.T) {
	eachMode(t, func(t *testing.T, p *pair) {
		errs := make(chan error, 4)
		for range cap(errs) {
			go func() {
				_, err := p.do(context.Background(), 3, 1000, nil, true)
				errs <- err
			}()
		}
		for p.served.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		p.queue.Close(transport.ErrClosed)
		for range cap(errs) {
			if err := <-errs; !errors.Is(err, transport.ErrClosed) {
				t.Errorf("got %v", err)
			}
		}
		if _, err := p.do(context.Background(), 0, 1, nil, true); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("after close: %v", err)
		}
	})
}

func TestNothingAllocated(t *testing.T) {
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			p := newPair(t, m.opts...)
			p.connect()
			c, ctx, data := call{1, 3}, context.Background(), make([]byte, 4096)
			encode := c.encode
			one := func() {
				x, err := p.queue.Begin(ctx, data, transport.Out, 1<<10)
				if err != nil {
					t.Fatal(err)
				}
				if err := x.Run(ctx, encode, true); err != nil {
					t.Fatal(err)
				}
				x.End()
			}
			one()
			if n := testing.AllocsPerRun(200, one); n > 0 {
				t.Errorf("%v allocations a transaction", n)
			}
		})
	}
}

// After a reconnect to another domain a shared buffer needs pages to be bounced
// through. Those that got pages meanwhile must not keep it from them for ever.
func TestReplayedBufferGetsPages(t *testing.T) {
	p := newPair(t)
	p.connect()
	b := must[*grant.Buffer](t)(grant.NewBuffer(p.front, p.back.ID(), maxSegs*shm.PageSize))
	defer b.Close()
	p.buffers.Add(b)
	p.server.Stop(true) // nothing is answered on this connection
	errs := make(chan error, 64)
	go func() {
		_, err := p.do(context.Background(), 1, 5, b.Bytes(), true)
		errs <- err
	}()
	for p.queue.Outstanding() == 0 {
		time.Sleep(time.Millisecond)
	}
	p.channel.Close()
	transport.Detach(transport.ErrDisconnected, p.queue)
	p.buffers.Remove(b)
	p.abandon()
	for range cap(errs) - 1 {
		go func() {
			_, err := p.do(context.Background(), 1, 6, make([]byte, maxSegs*shm.PageSize), true)
			errs <- err
		}()
	}
	p.connect()
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if !bytes.Equal(b.Bytes(), bytes.Repeat([]byte{5}, maxSegs*shm.PageSize)) {
		t.Error("the replayed transfer left the wrong bytes")
	}
}

func TestStrandedQueue(t *testing.T) {
	p := newPair(t)
	x := must[*transport.Txn](t)(p.queue.Begin(context.Background(), nil, 0, 0))
	done := make(chan error)
	go func() {
		_, err := p.do(context.Background(), 0, 1, nil, true)
		done <- err
	}()
	for p.queue.Outstanding() == 0 {
		time.Sleep(time.Millisecond)
	}
	p.queue.Strand(transport.ErrDisconnected)
	if err := <-done; !errors.Is(err, transport.ErrDisconnected) {
		t.Errorf("queued: %v", err)
	}
	if err := x.Run(context.Background(), (&call{}).encode, true); !errors.Is(err, transport.ErrDisconnected) {
		t.Errorf("held: %v", err)
	}
	p.connect()
	if v, err := p.do(context.Background(), 0, 1, nil, true); err != nil || v != 2 {
		t.Errorf("after the next connect: %d, %v", v, err)
	}
}
