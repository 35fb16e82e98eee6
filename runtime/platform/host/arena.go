//go:build linux

package host

import (
	"fmt"
	"math/bits"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
	"github.com/xenidc/idc/runtime/shm"
)

// An arena is the memory that one domain grants to one other with one kind of
// access: a sealed, sparse memfd that only these two map.
//
//	page 0            T                                            pages-1
//	+-----------------+------+------+------+------+-- - - --+------+
//	| grant table:    |      |      |      |      |         |      |
//	| one bit a page  |      | page i: grant reference i, plus     |
//	| of the arena    |      | roRef in the read-only arena        |
//	+-----------------+------+------+------+------+-- - - --+------+
//
// T is the pages that the table takes: 2 of 65536. The owner writes the table from
// a private copy and never reads it; it tells an honest mapper which references are
// good, in one load. A mapper that ignores it (or, in the read-write arena,
// overwrites it) reaches nothing that isn't meant for it: the arena holds pages
// granted to this very peer, pages that were and have been cleared, and zeros.
const (
	maxArenaPages = 1 << 16
	minArenaPages = 16
	// defaultArenaPages is 256 MiB, or 16 MiB where address space is 32 bits.
	defaultArenaPages = 1 << (12 + 4*(bits.UintSize/64))
	// roRef is set in references to the read-only arena.
	roRef = 1 << 20
	// reserveAhead is how many pages are backed by memory at a time, so that a grant
	// is no system call, and a lack of memory is an error there rather than a SIGBUS
	// later.
	reserveAhead = 64
	// punchAtOnce is the size of a grant whose pages go back to the system in Free.
	// Smaller ones are collected: punchLater pages go back together.
	punchAtOnce = 16
	punchLater  = 64
)

// tablePages is the number of pages of the grant table of an arena.
func tablePages(pages int) int { return (pages/8 + shm.PageSize - 1) / shm.PageSize }

// arena is the owner's side.
type arena struct {
	p      *peer
	access platform.Access
	fd     int
	b      []byte
	mem    shm.Memory

	mu     sync.Mutex
	used   bitmap   // pages granted, or not yet given back to the system
	backed bitmap   // pages that have memory
	shown  []uint32 // what the grant table holds
	stale  []span   // freed and cleared, to be punched before they are used again
	grants map[*grant]struct{}
	gone   bool // the peer is: nothing more is granted
	dead   bool // unmapped
}

// span is a run of pages.
type span struct{ first, n int }

func newArena(p *peer, access platform.Access) (*arena, error) {
	pages := p.d.opts.arenaPages
	fd, err := sys.Memfd("xenidc-arena-"+strconv.Itoa(int(p.d.id))+"-"+strconv.Itoa(int(p.id)), pages*shm.PageSize)
	if err != nil {
		return nil, err
	}
	b, err := sys.Map(fd, 0, pages*shm.PageSize, true)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	p.use() // for the arena; p lives, we hold its mu
	a := &arena{
		p: p, access: access, fd: fd, b: b, mem: shm.Of(b),
		used: newBitmap(pages), backed: newBitmap(pages),
		shown: make([]uint32, pages/32+1), grants: map[*grant]struct{}{},
	}
	a.used.take(tablePages(pages))
	return a, nil
}

// arena returns what we grant with that access, made if need be.
func (p *peer) arena(access platform.Access) (*arena, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return nil, platform.ErrPeerGone
	}
	if p.mine[access] == nil {
		a, err := newArena(p, access)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", platform.ErrNoSpace, err)
		}
		p.mine[access] = a
	}
	return p.mine[access], nil
}

// showArena answers Arena: it sends the descriptor, read-only for the read-only
// arena.
func (p *peer) showArena(m proto.Msg) error {
	reply := proto.Msg{Op: proto.ArenaIs, ID: m.ID, Access: m.Access, Status: proto.NoArena}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone || m.Access > uint8(platform.ReadOnly) || p.mine[m.Access] == nil {
		return send(p.link, reply)
	}
	a := p.mine[m.Access]
	fd := a.fd
	if a.access == platform.ReadOnly {
		ro, err := sys.ReadOnlyCopy(fd)
		if err != nil {
			reply.Status = proto.NoSpace
			return send(p.link, reply)
		}
		defer unix.Close(ro)
		fd = ro
	}
	reply.Status, reply.A = proto.OK, uint32(a.used.size)
	return send(p.link, reply, fd)
}

// take grants n pages.
func (a *arena) take(n int) (*grant, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone || a.dead {
		return nil, platform.ErrPeerGone
	}
	first, ok := a.used.take(n)
	if !ok && len(a.stale) > 0 {
		a.punchStale()
		first, ok = a.used.take(n)
	}
	if !ok {
		return nil, fmt.Errorf("%w: %d of %d pages of the arena are free", platform.ErrNoSpace, a.used.free, a.used.size)
	}
	if err := a.back(first, n); err != nil {
		a.used.give(first, n)
		return nil, fmt.Errorf("%w: %w", platform.ErrNoSpace, err)
	}
	// Fresh pages too: the peer may have written to what wasn't granted yet.
	a.mem.Zero(first*shm.PageSize, n*shm.PageSize)
	g := newGrant(a, first, n)
	a.grants[g] = struct{}{}
	a.show(first, n, true)
	return g, nil
}

// back makes sure that the pages have memory.
func (a *arena) back(first, n int) error {
	if a.backed.has(first, n) {
		return nil
	}
	n = min(max(n, reserveAhead), a.used.size-first)
	if err := sys.Reserve(a.fd, first*shm.PageSize, n*shm.PageSize); err != nil {
		return err
	}
	a.backed.set(first, n)
	return nil
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

// revoke takes pages away: ours are private zeros from now on, the peer's a hole in
// the file, which reads as zeros and which nobody reads after it.
func (a *arena) revoke(g *grant) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.dead || g.freed || g.revoked {
		return true
	}
	a.show(g.first, g.n, false)
	if sys.MapZerosOver(a.bytes(g.span)) != nil {
		return false
	}
	g.revoked = true
	return a.punch(g.span)
}

// reclaim makes our view of pages a private copy, and the peer's a hole in the file.
func (a *arena) reclaim(g *grant) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.dead || g.freed || g.revoked {
		return true
	}
	if sys.MapCopyOver(a.bytes(g.span), a.fd, g.first*shm.PageSize) != nil {
		return false
	}
	a.show(g.first, g.n, false)
	g.revoked = true
	return a.punch(g.span)
}

// free ends a grant. Pages whose memory can't be given back are never used again.
func (a *arena) free(g *grant) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.dead || g.freed {
		return
	}
	g.freed = true
	delete(a.grants, g)
	a.show(g.first, g.n, false)
	switch {
	case g.revoked:
		// The peer may have written to the hole; nobody has read that.
		if a.punch(g.span) && sys.MapOver(a.bytes(g.span), a.fd, g.first*shm.PageSize, true) == nil {
			a.used.give(g.first, g.n)
		}
	case g.n >= punchAtOnce:
		if a.punch(g.span) {
			a.used.give(g.first, g.n)
		}
	default:
		a.mem.Zero(g.first*shm.PageSize, g.n*shm.PageSize)
		a.stale = append(a.stale, g.span)
		if len(a.stale) >= punchLater {
			a.punchStale()
		}
	}
	if a.gone && len(a.grants) == 0 {
		a.unmap()
	}
}

// punch gives the memory of pages back to the system.
func (a *arena) punch(s span) bool {
	if sys.Punch(a.fd, s.first*shm.PageSize, s.n*shm.PageSize) != nil {
		return false
	}
	a.backed.clear(s.first, s.n)
	return true
}

// punchStale gives back the memory of what was freed, neighbours together, and
// makes the pages free for use.
func (a *arena) punchStale() {
	for len(a.stale) > 0 {
		s := a.stale[0]
		k := 1
		for k < len(a.stale) && a.stale[k].first == s.first+s.n {
			s.n += a.stale[k].n
			k++
		}
		a.stale = append(a.stale[:0], a.stale[k:]...)
		if a.punch(s) {
			a.used.give(s.first, s.n)
		}
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
	if a.keepHeld() {
		a.punch(span{0, a.used.size})
	}
	if len(a.grants) == 0 {
		a.unmap()
	}
}

// keepHeld makes what is granted private. It is false if the kernel can't: then the peer
// keeps what it has mapped. a.mu is held.
func (a *arena) keepHeld() bool {
	for g := range a.grants {
		if g.revoked {
			continue
		}
		if sys.MapCopyOver(a.bytes(g.span), a.fd, g.first*shm.PageSize) != nil {
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
		unix.Close(a.fd)
		a.p.unuse()
	}
}
