package grant

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// Buffer is memory of ours that is granted to a peer for as long as it lives, so
// that data in it needn't be copied to be sent. A [Set] recognises it by address.
type Buffer struct {
	grant platform.Grant
	mem   shm.Memory // whole pages
	refs  []platform.GrantRef
	bytes int
	once  sync.Once
	lent  lending
}

// NewBuffer grants zeroed memory for at least the given number of bytes, in whole
// pages, to peer, for reading and writing. The peer can see and change all of it
// until Close. It fails as platform.Domain.Grant does.
func NewBuffer(d platform.Domain, peer platform.DomID, bytes int) (*Buffer, error) {
	if bytes < 1 {
		return nil, fmt.Errorf("grant: a buffer of %d bytes: ask for at least one", bytes)
	}
	pages := (bytes-1)/shm.PageSize + 1
	g, err := d.Grant(peer, pages, platform.ReadWrite)
	if err != nil {
		return nil, fmt.Errorf("grant: granting a buffer of %d bytes to domain %d: %w", bytes, peer, err)
	}
	b := &Buffer{grant: g, mem: g.Memory(), refs: g.Refs(), bytes: bytes}
	b.lent.users.Store(1)
	return b, nil
}

// Bytes returns the memory, page-aligned, as long as was asked for. The peer can
// change it at any time (see shm.Memory.Unstable). It is gone after Close: no slice
// of it may be touched then.
func (b *Buffer) Bytes() []byte { return b.mem.Unstable()[:b.bytes:b.bytes] }

// Memory returns the memory with the end of its last page.
func (b *Buffer) Memory() shm.Memory { return b.mem }

// Refs returns one grant reference a page. The caller must not change it.
func (b *Buffer) Refs() []platform.GrantRef { return b.refs }

// Close revokes the memory and returns it to the platform, which abandons and
// counts pages that the peer won't release. Remove the buffer from its sets first.
// A second Close does nothing.
func (b *Buffer) Close() { b.once.Do(b.grant.Free) }

// Set finds the granted buffer that a slice lies in. The zero value is empty and
// ready. Find may be called by any number of goroutines, never blocks and doesn't
// allocate; Add and Remove copy the set and may run at the same time.
type Set struct {
	mu     sync.Mutex              // held by writers
	sorted atomic.Pointer[[]place] // by address; never changed once it is seen
}

// place is a buffer and where it starts.
type place struct {
	start uintptr
	buf   *Buffer
}

// Add makes Find know b. Adding one twice is the same as adding it once.
func (s *Set) Add(b *Buffer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, at := s.all(), address(b.mem.Unstable())
	i, found := slices.BinarySearchFunc(old, at, byStart)
	if found {
		return
	}
	s.publish(slices.Insert(slices.Clone(old), i, place{at, b}))
}

// Remove makes Find forget b, for calls that start from now on. A Find that runs
// already may still return its references; they are as good as any that were found
// earlier.
func (s *Set) Remove(b *Buffer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.all(), func(p place) bool { return p.buf == b })
	if i >= 0 {
		s.publish(slices.Delete(slices.Clone(s.all()), i, i+1))
	}
}

// Len returns the number of buffers.
func (s *Set) Len() int { return len(s.all()) }

// Find looks for the buffer that all of p lies in. If there is one, refs names the
// pages that p touches, in order, and p starts at byte offset of the first of them.
// Otherwise, for an empty p, and for a buffer that was taken back, ok is false: the
// caller copies. The caller must not change refs, and keeps the buffer from being
// closed while they are used, by Lend.
func (s *Set) Find(p []byte) (refs []platform.GrantRef, offset int, ok bool) {
	b, refs, offset := s.find(p)
	return refs, offset, b != nil
}

func (s *Set) find(p []byte) (b *Buffer, refs []platform.GrantRef, offset int) {
	all := s.all()
	if len(p) == 0 || len(all) == 0 {
		return nil, nil, 0
	}
	i := last(all, address(p))
	if i < 0 || all[i].buf.Apart() {
		return nil, nil, 0
	}
	b = all[i].buf
	off, ok := b.mem.Offset(p)
	if !ok {
		return nil, nil, 0
	}
	first, end := off/shm.PageSize, (off+len(p)-1)/shm.PageSize+1
	return b, b.refs[first:end:end], off % shm.PageSize
}

// last returns the last place that starts at or below at, -1 if none does.
func last(all []place, at uintptr) int {
	lo, hi := 0, len(all)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if all[mid].start <= at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

func (s *Set) all() []place {
	if p := s.sorted.Load(); p != nil {
		return *p
	}
	return nil
}

func (s *Set) publish(all []place) { s.sorted.Store(&all) }

func byStart(p place, at uintptr) int {
	switch {
	case p.start < at:
		return -1
	case p.start > at:
		return 1
	}
	return 0
}

// address returns where b, which isn't empty, starts. It only orders the set and
// is never turned back into a pointer; shm.Memory.Offset decides.
func address(b []byte) uintptr { return reflect.ValueOf(&b[0]).Pointer() }
