package idc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/xenidc/idc/runtime/grant"
	"github.com/xenidc/idc/runtime/platform"
)

// Buffer is memory that a front end shares with its back end.
//
// It belongs to the back end, too, while a transaction uses it. That can be longer than
// the call: a caller whose context ends leaves the request with the back end, which may
// still write, and its error is ErrStillLent. Nobody is given that memory before the
// back end has answered or can't reach it any more, and Wait waits for that.
type Buffer struct {
	b    *grant.Buffer
	f    *Front
	peer peer
	once sync.Once
}

// Bytes is the memory. The back end can change it at any time.
func (b *Buffer) Bytes() []byte { return b.b.Bytes() }

// Wait returns when no transaction uses the buffer any more, or with the cause of ctx.
func (b *Buffer) Wait(ctx context.Context) error { return b.b.Wait(ctx) }

// Free gives the memory back, which its caller doesn't touch any more. If a transaction
// still uses it, it is freed when that is over. A second call does nothing.
func (b *Buffer) Free() {
	b.once.Do(func() {
		b.b.Release(func() {
			if !b.f.shelve(b) {
				b.b.Close()
			}
		})
	})
}

// Alloc returns zeroed memory that is shared with the present back end. Bulk data in it
// isn't copied. When the connection is lost while a transaction uses it, or another back
// end takes over, it keeps what it holds and becomes ordinary memory, which the old back
// end can't reach and which is copied. The caller frees it.
func (f *Front) Alloc(bytes int) (*Buffer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.isUp {
		return nil, fmt.Errorf("allocate %d shared bytes: %w", bytes, notConnected("not connected: %w", f.reason))
	}
	b, err := f.newBuffer(bytes)
	if err != nil {
		return nil, err
	}
	f.set(f.peer).Add(b)
	return &Buffer{b: b, f: f, peer: f.peer}, nil
}

// newBuffer takes one from the shelf, or grants new memory; if that's short, that of the
// shelf goes for it. The lock is held.
func (f *Front) newBuffer(bytes int) (*grant.Buffer, error) {
	if b := f.shelf.take(bytes); b != nil {
		return b, nil
	}
	b, err := grant.NewBuffer(f.peer.of, f.peer.id, bytes)
	if errors.Is(err, platform.ErrNoSpace) && f.shelf.pages > 0 {
		f.shelf.clear()
		b, err = grant.NewBuffer(f.peer.of, f.peer.id, bytes)
	}
	return b, err
}

// shelve ends the use of a buffer, and reports whether it was put on the shelf.
func (f *Front) shelve(b *Buffer) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.sets[b.peer]; s != nil {
		s.Remove(b.b)
	}
	return f.isUp && b.peer == f.peer && !b.b.Apart() && f.shelf.put(b.b)
}

// reclaim takes the buffers that were shared with other back ends than p back from them.
// Where that isn't possible yet it is tried again at the next connection.
func (f *Front) reclaim(p peer) {
	f.mu.Lock()
	var all []*grant.Buffer
	for other, s := range f.sets {
		if other == p {
			continue
		}
		if s.Len() == 0 {
			delete(f.sets, other)
		}
		all = append(all, s.Buffers()...)
	}
	f.mu.Unlock()
	kept := 0
	for _, b := range all {
		if !b.Reclaim() {
			kept++
		}
	}
	if kept > 0 {
		f.log.Warn("an old back end still has buffers of ours mapped", "buffers", kept)
	}
}

// peer is a back end's domain, as the domain that we are knows it: one that has joined
// anew knows others, whatever their numbers.
type peer struct {
	of platform.Domain
	id platform.DomID
}

// set returns the shared buffers of a peer. The lock is held.
func (f *Front) set(p peer) *grant.Set {
	s := f.sets[p]
	if s == nil {
		s = new(grant.Set)
		f.sets[p] = s
	}
	return s
}

// shelfPages bounds what a shelf holds: 32 MiB.
const shelfPages = 8192

// shelf has the buffers of a connection that were freed. The back end may have them
// mapped for as long as the connection lasts, which makes its next requests cheap if it
// sees them again; on Xen, pages that somebody has mapped can't be had back at all.
type shelf struct {
	idle  []*grant.Buffer
	pages int
}

// put is false when there is no room.
func (s *shelf) put(b *grant.Buffer) bool {
	n := len(b.Refs())
	if s.pages+n > shelfPages {
		return false
	}
	s.idle = append(s.idle, b)
	s.pages += n
	return true
}

// take returns zeroed memory of that size, or nil: what was put there last, since the
// back end is likeliest to know it.
func (s *shelf) take(bytes int) *grant.Buffer {
	for i, b := range slices.Backward(s.idle) {
		if len(b.Bytes()) == bytes {
			s.idle = slices.Delete(s.idle, i, i+1)
			s.pages -= len(b.Refs())
			b.Memory().Zero(0, b.Memory().Len())
			b.Renew()
			return b
		}
	}
	return nil
}

// clear gives everything back.
func (s *shelf) clear() {
	for _, b := range s.idle {
		b.Close()
	}
	*s = shelf{}
}

// clearShelf gives everything back when the connection has ended.
func (f *Front) clearShelf() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shelf.clear()
}
