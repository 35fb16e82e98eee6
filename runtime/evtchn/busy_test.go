package evtchn

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestUnmaskWaitsForBusy: MASKED stays while the sender holds BUSY.
func TestUnmaskWaitsForBusy(t *testing.T) {
	p := newPair(t, 8)
	p.array.Store32(4*3, pending|masked|busy)
	done := make(chan bool)
	go func() { done <- p.r.Unmask(3) }()
	for range 10 {
		runtime.Gosched()
	}
	p.array.And32(4*3, ^busy)
	if isPending := <-done; !isPending || p.r.Masked(3) {
		t.Errorf("Unmask says pending %v, masked %v", isPending, p.r.Masked(3))
	}
}

// TestUnmaskDoesNotWaitForEver: a sender that keeps BUSY can't hold the receiver.
func TestUnmaskDoesNotWaitForEver(t *testing.T) {
	p := newPair(t, 8)
	p.array.Store32(4*3, pending|masked|busy)
	done := make(chan bool)
	go func() { done <- p.r.Unmask(3) }()
	select {
	case isPending := <-done:
		if !isPending || p.r.Masked(3) {
			t.Errorf("Unmask says pending %v, masked %v", isPending, p.r.Masked(3))
		}
	case <-time.After(20 * time.Second):
		t.Fatal("Unmask waits for a sender that never lets go")
	}
}

// TestBusyNeverStays has a receiver that takes the tail out of its queue and puts
// it back as fast as it can: whatever setLink finds, it leaves no BUSY, and comes
// back.
func TestBusyNeverStays(t *testing.T) {
	p := newPair(t, 8)
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for !stop.Load() {
				p.array.Or32(4*3, linked)
				p.array.And32(4*3, ^linked)
			}
		})
	}
	for range 50000 {
		p.s.setLink(3, 5)
		if p.array.Load32(4*3)&busy != 0 {
			t.Error("setLink left BUSY")
			break
		}
	}
	stop.Store(true)
	wg.Wait()
}

// TestLink: setLink refuses a tail that has left its queue, and replaces what was
// in LINK, whether or not the receiver made it take BUSY.
func TestLink(t *testing.T) {
	p := newPair(t, 8)
	for name, link := range map[string]func() bool{
		"plain": func() bool { return p.s.setLink(3, 5) },
		"busy":  func() bool { return p.s.setLinkBusy(4*3, 5) },
	} {
		p.array.Store32(4*3, pending)
		if link() || p.array.Load32(4*3) != pending {
			t.Errorf("%s: linked behind a word that is in no queue: %#x", name, p.array.Load32(4*3))
		}
		p.array.Store32(4*3, pending|masked|linked|7)
		if !link() || p.array.Load32(4*3) != pending|masked|linked|5 {
			t.Errorf("%s: word %#x", name, p.array.Load32(4*3))
		}
	}
}
