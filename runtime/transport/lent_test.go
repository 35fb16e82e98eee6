package transport_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/xenidc/idc/runtime/grant"
	"github.com/xenidc/idc/runtime/shm"
	"github.com/xenidc/idc/runtime/transport"
)

// stalled has the back end write sevens into the next data that goes Out, when told.
func (p *pair) stalled() (entered, resume chan struct{}) {
	entered, resume = make(chan struct{}), make(chan struct{})
	p.write.Store(new(func(b *transport.Bulk) error {
		p.write.Store(nil)
		pieces := b.Unstable()
		close(entered)
		<-resume
		for _, piece := range pieces {
			copy(piece, fill(len(piece)))
		}
		return nil
	}))
	return entered, resume
}

func (p *pair) buffer(bytes int) *grant.Buffer {
	b := must[*grant.Buffer](p.t)(grant.NewBuffer(p.front, p.back.ID(), bytes))
	p.buffers.Add(b)
	return b
}

// A call that its caller left keeps the buffer until the back end has answered, however
// late, and nobody gets it before; whoever wants to can wait.
func TestCancelledCallKeepsItsBuffer(t *testing.T) {
	eachMode(t, func(t *testing.T, p *pair) {
		b := p.buffer(shm.PageSize)
		entered, resume := p.stalled()
		ctx, cancel := context.WithCancel(context.Background())
		go func() { <-entered; cancel() }()
		_, err := p.do(ctx, 1, 9, b.Bytes(), true)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, transport.ErrStillLent) {
			t.Fatalf("cancelled: %v", err)
		}
		short, stop := context.WithTimeout(context.Background(), 5*time.Millisecond)
		defer stop()
		if err := b.Wait(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting while it is lent: %v", err)
		}
		over := make(chan struct{})
		p.buffers.Remove(b)
		b.Release(func() { close(over) })
		select {
		case <-over:
			t.Error("it is over while it is lent")
		case <-transport.Ended(err):
			t.Error("the transaction ended before the back end had answered")
		case <-time.After(5 * time.Millisecond):
		}
		close(resume)
		p.until(transport.Ended(err))
		p.until(over)
		b.Close()
	})
}

// until waits for c, and polls as users of a polled queue do.
func (p *pair) until(c <-chan struct{}) {
	for {
		select {
		case <-c:
			return
		case <-time.After(time.Millisecond):
			p.queue.Poll()
		}
	}
}

// An owner that waits gets its buffer when the answer is there.
func TestWaitForLentBuffer(t *testing.T) {
	p := newPair(t)
	p.connect()
	b := p.buffer(shm.PageSize)
	defer b.Close()
	entered, resume := p.stalled()
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-entered; cancel() }()
	if _, err := p.do(ctx, 1, 9, b.Bytes(), true); !errors.Is(err, transport.ErrStillLent) {
		t.Fatal(err)
	}
	time.AfterFunc(10*time.Millisecond, func() { close(resume) })
	if err := b.Wait(context.Background()); err != nil || b.Bytes()[0] != 7 {
		t.Errorf("%v, and the buffer holds %d", err, b.Bytes()[0])
	}
	if err := b.Wait(context.Background()); err != nil {
		t.Error(err)
	}
}

// What a back end writes late on a connection that is gone doesn't end up in a buffer
// that the next connection's requests use.
func TestLateWriteOfLostConnection(t *testing.T) {
	for _, replay := range []bool{false, true} {
		p := newPair(t)
		p.connect()
		b := p.buffer(shm.PageSize)
		entered, resume := p.stalled()
		errs := make(chan error, 1)
		go func() {
			_, err := p.do(context.Background(), 1, 9, b.Bytes(), replay)
			errs <- err
		}()
		<-entered
		p.channel.Close()
		transport.Detach(transport.ErrDisconnected, p.queue)
		select {
		case err := <-errs:
			t.Errorf("the call ended while the back end was writing to its buffer: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
		close(resume)
		p.abandon() // the old back end lets go
		p.connect()
		err := <-errs
		if replay && (err != nil || !bytes.Equal(b.Bytes(), bytes.Repeat([]byte{9}, shm.PageSize))) {
			t.Errorf("replayed: %v, or wrong bytes", err)
		}
		if !replay && (!errors.Is(err, transport.ErrDisconnected) || errors.Is(err, transport.ErrStillLent)) {
			t.Errorf("not replayed: %v", err)
		}
		if _, err := p.back.Map(p.front.ID(), b.Refs(), 0); err == nil {
			t.Error("the back end can map a buffer that was taken back")
		}
		p.buffers.Remove(b)
		b.Close()
	}
}

// A queue that is closed doesn't wait for a back end that doesn't let go.
func TestCloseWithLentBuffer(t *testing.T) {
	p := newPair(t)
	p.connect()
	b := p.buffer(shm.PageSize)
	entered, resume := p.stalled()
	errs := make(chan error, 1)
	go func() {
		_, err := p.do(context.Background(), 1, 9, b.Bytes(), true)
		errs <- err
	}()
	<-entered
	p.channel.Close()
	p.queue.Close(transport.ErrClosed)
	if err := <-errs; !errors.Is(err, transport.ErrClosed) || !errors.Is(err, transport.ErrStillLent) {
		t.Errorf("closed: %v", err)
	}
	waited := make(chan error, 1)
	go func() { waited <- b.Wait(context.Background()) }()
	select {
	case err := <-waited:
		t.Errorf("Wait returned %v while the back end had the buffer", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(resume)
	p.server.Stop(true)
	p.cache.Close()
	if err := <-waited; err != nil {
		t.Error(err)
	}
	p.buffers.Remove(b)
	b.Close()
}
