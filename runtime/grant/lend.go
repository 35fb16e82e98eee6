package grant

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xenidc/idc/runtime/platform"
)

// lending accounts for who uses a buffer: its owner, until Release, and transactions.
//
//	NewBuffer: 1 --Lend: +1--> ... --Return: -1--> ... --Release: -1--> 0: over
//
// Memory that is lent belongs to the peer until it is returned, whatever its owner does
// meanwhile: so Release doesn't give it to anybody while it is lent.
type lending struct {
	users atomic.Int32
	apart atomic.Bool // not the peer's any more, or soon

	mu       sync.Mutex
	ours     bool          // taken back from the peer
	over     func()        // of Release
	waiting  atomic.Bool   // somebody waits on returned
	returned chan struct{} // closed when nothing is lent, made by who waits
}

// Lend counts a transaction that the peer may reach the buffer for, until Return. It is
// false when the buffer was taken back or released: then it isn't the peer's.
func (b *Buffer) Lend() bool {
	for {
		n := b.lent.users.Load()
		if n == 0 || b.lent.apart.Load() {
			return false
		}
		if b.lent.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Return ends a Lend. If it was the last after Release, it returns what Release was
// given: the caller runs it when it holds no lock.
func (b *Buffer) Return() (over func()) {
	n := b.lent.users.Add(-1)
	if n == 0 {
		b.lent.mu.Lock()
		defer b.lent.mu.Unlock()
		return b.lent.over
	}
	if n == 1 && b.lent.waiting.Load() {
		b.lent.mu.Lock()
		defer b.lent.mu.Unlock()
		b.wakeLocked()
	}
	return nil
}

func (b *Buffer) wakeLocked() {
	if b.lent.waiting.Load() {
		b.lent.waiting.Store(false)
		close(b.lent.returned)
	}
}

// Release is the owner's word that it is done with the buffer. over runs once nothing
// of it is lent any more: now, or when the last transaction returns it. It is called
// once.
func (b *Buffer) Release(over func()) {
	b.lent.mu.Lock()
	b.lent.over = over
	b.lent.mu.Unlock()
	if b.lent.users.Add(-1) == 0 {
		over()
	}
}

// Renew makes a buffer that is over its new owner's.
func (b *Buffer) Renew() { b.lent.users.Store(1) }

// Reclaim takes the buffer back from the peer with what is in it: it isn't lent again,
// and becomes ordinary memory. It is false while the platform can't do that yet
// (platform.Grant, Reclaim); it may be called again.
func (b *Buffer) Reclaim() bool {
	b.lent.apart.Store(true)
	b.lent.mu.Lock()
	defer b.lent.mu.Unlock()
	b.lent.ours = b.lent.ours || b.grant.Reclaim()
	return b.lent.ours
}

// Apart reports whether Reclaim was called.
func (b *Buffer) Apart() bool { return b.lent.apart.Load() }

// reclaimPause is how often Wait looks whether the platform can take memory back.
const reclaimPause = 5 * time.Millisecond

// Wait returns when the peer may not touch the buffer for any transaction any more, or
// with the cause of ctx. It is for the owner, before Release.
func (b *Buffer) Wait(ctx context.Context) error {
	if err := b.waitReturned(ctx); err != nil {
		return err
	}
	for b.Apart() && !b.Reclaim() {
		select {
		case <-time.After(reclaimPause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (b *Buffer) waitReturned(ctx context.Context) error {
	b.lent.mu.Lock()
	if !b.lent.waiting.Load() {
		b.lent.returned = make(chan struct{})
		b.lent.waiting.Store(true)
	}
	returned := b.lent.returned
	if b.lent.users.Load() <= 1 {
		b.wakeLocked()
	}
	b.lent.mu.Unlock()
	select {
	case <-returned:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Lend is Find for a transaction: it lends the buffer that it finds, if it is to be had.
func (s *Set) Lend(p []byte) (b *Buffer, refs []platform.GrantRef, offset int) {
	b, refs, offset = s.find(p)
	if b == nil || !b.Lend() {
		return nil, nil, 0
	}
	return b, refs, offset
}

// Buffers returns the buffers of the set.
func (s *Set) Buffers() []*Buffer {
	var all []*Buffer
	for _, p := range s.all() {
		all = append(all, p.buf)
	}
	return all
}
