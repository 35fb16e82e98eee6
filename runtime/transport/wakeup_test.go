package transport_test

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/xenidc/idc/runtime/transport"
)

// cpu is the processor time that this process has used.
func cpu(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// beginners starts n goroutines that wait in Begin for bulk data to be carried.
func beginners(ctx context.Context, p *pair, n int) (errs chan error) {
	errs = make(chan error, n)
	for range n {
		go func() {
			_, err := p.do(ctx, 1, 1, make([]byte, 10), true)
			errs <- err
		}()
	}
	return errs
}

// Those who wait for a connection sleep, although one of them was woken.
func TestWaitersDontKeepEachOtherAwake(t *testing.T) {
	p := newPair(t, asleep)
	errs := beginners(context.Background(), p, 8)
	time.Sleep(10 * time.Millisecond)
	must[*transport.Txn](t)(p.queue.Begin(context.Background(), nil, 0, 0)).End() // wakes one
	before := cpu(t)
	time.Sleep(300 * time.Millisecond)
	if used := cpu(t) - before; used > 100*time.Millisecond {
		t.Errorf("waiting for nothing took %v of processor time", used)
	}
	p.connect()
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// A free slot that one waiter can't use is offered to the others.
func TestSlotThatIsNoUseToTheFirst(t *testing.T) {
	p := newPair(t, asleep)
	var held []*transport.Txn
	for {
		x, err := p.queue.Begin(transport.NoWait, nil, 0, 0)
		if errors.Is(err, transport.ErrWouldBlock) {
			break
		}
		held = append(held, x)
	}
	errs := beginners(context.Background(), p, 4)
	time.Sleep(10 * time.Millisecond)
	var wg sync.WaitGroup
	for range len(held) { // needs no connection, unlike those before it
		wg.Go(func() { must[*transport.Txn](t)(p.queue.Begin(context.Background(), nil, 0, 0)).End() })
	}
	time.Sleep(10 * time.Millisecond)
	held[0].End()
	wg.Wait()
	for _, x := range held[1:] {
		x.End()
	}
	p.connect()
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
