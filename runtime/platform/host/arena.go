//go:build linux

package host

import (
	"fmt"
	"math/bits"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
	"github.com/xenidc/idc/runtime/shm"
)

// An arena is the memory that one domain grants to one other with one kind of access.
//
//	page 0            T                            limit           pages-1
//	+-----------------+------+------+------+-- --+------+-- -- -- --+
//	| grant table:    |      |      |      |     |      | no memory |
//	| one bit a page  |      | page i: grant     |      | yet       |
//	| of the arena    |      | reference i, plus |      |           |
//	|                 |      | roRef in the      |      |           |
//	|                 |      | read-only arena   |      |           |
//	+-----------------+------+------+------+-- --+------+-- -- -- --+
//
// T is the pages that the table takes: 2 of 65536. The owner writes the table from
// a private copy and never reads it; it tells an honest mapper which references are
// good, in one load. A mapper that ignores it (or, in the read-write arena,
// overwrites it) reaches nothing that isn't meant for it: the arena holds pages
// granted to this very peer, pages that were and have been cleared, and zeros.
//
// Pages below limit have memory, on the owner's account, and keep it as long as the link
// is there: nobody can take a page out of sealed memory, and a mapper uses none that has
// no memory yet. So a mapper never pays for what an owner grants, and granting again is
// no system call. The limit rises when no free pages are left below it.
const (
	maxArenaPages = proto.MaxArenaPages
	minArenaPages = proto.MinArenaPages
	// defaultArenaPages is 256 MiB, or 16 MiB where address space is 32 bits.
	defaultArenaPages = 1 << (12 + 4*(bits.UintSize/64))
	// roRef is set in references to the read-only arena.
	roRef = 1 << 20
	// growPages is how many pages get memory at a time, if there are as many.
	growPages = 64
)

// tablePages is the number of pages of the grant table of an arena.
func tablePages(pages int) int { return (pages/8 + shm.PageSize - 1) / shm.PageSize }

// arena is the owner's side.
type arena struct {
	p      *peer
	access platform.Access
	b      []byte
	mem    shm.Memory

	mu     sync.Mutex
	used   bitmap   // of the pages below the limit, which is its size
	shown  []uint32 // what the grant table holds
	grants map[*grant]struct{}
	gone   bool // the peer is: nothing more is granted
	dead   bool // unmapped
}

// span is a run of pages.
type span struct{ first, n int }

func newArena(p *peer, access platform.Access) *arena {
	p.use() // for the arena; p is new
	b := p.mem.arenas[access]
	return &arena{p: p, access: access, b: b, mem: shm.Of(b), grants: map[*grant]struct{}{}}
}

// pages is how many there could be.
func (a *arena) pages() int { return len(a.b) / shm.PageSize }

// take grants n pages.
func (a *arena) take(n int) (*grant, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone || a.dead {
		return nil, platform.ErrPeerGone
	}
	limit := a.used.size
	first, ok := a.used.take(n)
	if !ok {
		if err := a.growLocked(n); err != nil {
			return nil, err
		}
		if first, ok = a.used.take(n); !ok {
			return nil, a.fullLocked()
		}
	}
	// Not what is fresh: the peer may have written to it, as it may at any time from now.
	if stale := min(limit-first, n); stale > 0 {
		a.mem.Zero(first*shm.PageSize, stale*shm.PageSize)
	}
	g := newGrant(a, first, n)
	a.grants[g] = struct{}{}
	a.show(first, n, true)
	return g, nil
}

// growLocked raises the limit, by n pages at least.
func (a *arena) growLocked(n int) error {
	table := 0
	if a.used.size == 0 {
		table = tablePages(a.pages())
	}
	left := a.pages() - a.used.size
	if n+table > left {
		return a.fullLocked()
	}
	grow := min(max(n+table, growPages), left)
	if err := sys.Populate(a.bytes(span{a.used.size, grow})); err != nil {
		return fmt.Errorf("%w: %w", platform.ErrNoSpace, err)
	}
	a.used.grow(grow)
	if table > 0 {
		a.used.take(table)
		a.shown = make([]uint32, a.pages()/32+1)
	}
	return nil
}

func (a *arena) fullLocked() error {
	return fmt.Errorf("%w: %d of %d pages of the arena are free", platform.ErrNoSpace,
		a.pages()-a.used.size+a.used.free, a.pages())
}

// show writes the grant table.
func (a *arena) show(first, n int, granted bool) {
	for i := first; i < first+n; i++ {
		if granted {
			a.shown[i/32] |= 1 << (i % 32)
		} else {
			a.shown[i/32] &^= 1 << (i % 32)
		}
		if i%32 == 31 || i == first+n-1 {
			a.mem.Store32(i/32*4, a.shown[i/32])
		}
	}
}

// bytes is our mapping of pages.
func (a *arena) bytes(s span) []byte {
	return a.b[s.first*shm.PageSize : (s.first+s.n)*shm.PageSize]
}

// takeBack puts private memory in the place of pages: zeros, or what is in them. The
// peer's are cleared, and nobody reads them after it until they are granted to it again.
func (a *arena) takeBack(g *grant, keep bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.dead || g.freed || g.revoked {
		return true
	}
	pages, err := sys.Alias(a.bytes(g.span))
	if err != nil {
		return false
	}
	if keep {
		err = a.copyOver(g)
	} else {
		err = sys.MapZerosOver(a.bytes(g.span))
	}
	if err != nil {
		sys.Unmap(pages)
		return false
	}
	a.show(g.first, g.n, false)
	shm.Of(pages).Zero(0, len(pages))
	g.revoked, g.pages = true, pages
	return true
}

// copyOver makes our view of a grant a private copy.
func (a *arena) copyOver(g *grant) error {
	return sys.MapCopyOver(a.bytes(g.span), a.p.mem.fds[a.access], a.p.mem.at[a.access]+g.first*shm.PageSize)
}

// free ends a grant. Revoked pages that can't be had back are never used again.
func (a *arena) free(g *grant) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.dead || g.freed {
		return
	}
	g.freed = true
	delete(a.grants, g)
	switch {
	case a.gone && g.revoked:
		sys.Unmap(g.pages)
	case a.gone:
		a.show(g.first, g.n, false)
		a.mem.Zero(g.first*shm.PageSize, g.n*shm.PageSize)
	case !g.revoked:
		a.show(g.first, g.n, false)
		a.mem.Zero(g.first*shm.PageSize, g.n*shm.PageSize)
		a.used.give(g.first, g.n)
	case sys.MoveOver(a.bytes(g.span), g.pages) == nil:
		a.used.give(g.first, g.n)
	}
	if a.gone && len(a.grants) == 0 {
		a.unmap()
	}
}

// retire is called when the peer is gone. The memory stays until the last grant is
// freed.
func (a *arena) retire() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gone = true
	if len(a.grants) == 0 {
		a.unmap()
	}
}

// end takes the memory back: the domain is closed. The peer reads zeros from now on. Who
// still holds a grant of ours keeps what is in it, as private memory, until it is freed:
// it may be touching it, and have a use for it without that peer.
func (a *arena) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gone = true
	if a.dead {
		return
	}
	if all, err := sys.Alias(a.bytes(span{0, a.used.size})); err == nil {
		if a.keepHeldLocked() {
			shm.Of(all).Zero(0, len(all))
		}
		sys.Unmap(all)
	}
	if len(a.grants) == 0 {
		a.unmap()
	}
}

// keepHeldLocked makes what is granted private. It is false if the kernel can't: then the
// peer keeps what it has mapped.
func (a *arena) keepHeldLocked() bool {
	for g := range a.grants {
		if g.revoked {
			continue
		}
		if a.copyOver(g) != nil {
			return false
		}
		g.revoked = true
	}
	return true
}

func (a *arena) unmap() {
	if !a.dead {
		a.dead = true
		sys.Unmap(a.b)
		unix.Close(a.p.mem.fds[a.access])
		a.p.unuse()
	}
}
