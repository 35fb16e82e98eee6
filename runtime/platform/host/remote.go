//go:build linux

package host

import (
	"sync"
	"sync/atomic"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// remote is an arena that a peer granted to us, mapped whole (see arena for what it
// looks like). The peer can write any byte of it, the table included, at any time;
// it can't make it smaller, nor take back a page that is there.
type remote struct {
	p     *peer
	b     []byte
	mem   shm.Memory // b
	first int        // page 0 to first-1 are the table
	pages int

	// there says which pages are known to have memory, which they keep. What has none isn't
	// touched: it would get some, on our account.
	there []atomic.Uint32

	ro atomic.Pointer[[]byte] // what ReadOnly maps, once it is asked for

	gate    gate         // entered by who reads the table
	refs    atomic.Int64 // pages and mappings in use
	retired atomic.Bool  // the peer is gone: unmap when refs is 0
	once    sync.Once
}

func newRemote(p *peer, b []byte) *remote {
	pages := len(b) / shm.PageSize
	return &remote{
		p: p, b: b, mem: shm.Of(b), first: tablePages(pages), pages: pages,
		there: make([]atomic.Uint32, (pages+31)/32),
	}
}

// view is the mapping through which pages are reached with that access; false if the
// kernel has no room for it. The read-write arena gets a second one for ReadOnly.
func (r *remote) view(access platform.Access) ([]byte, bool) {
	if access == platform.ReadWrite || r == r.p.theirs[platform.ReadOnly].Load() {
		return r.b, true
	}
	if b := r.ro.Load(); b != nil {
		return *b, true
	}
	b, err := sys.Alias(r.b)
	if err != nil {
		return nil, false
	}
	if sys.Protect(b) != nil || !r.ro.CompareAndSwap(nil, &b) {
		sys.Unmap(b)
	}
	if b := r.ro.Load(); b != nil {
		return *b, true
	}
	return nil, false
}

// granted returns a bit for each of 32 pages, from page 32*w on: whether the peer says
// that it is granted, and it is known to have memory. The gate is entered.
func (r *remote) granted(w int) uint32 {
	if w >= len(r.there) {
		return 0
	}
	there := r.there[w].Load()
	if table := w * 4 / shm.PageSize; there == 0 || r.there[0].Load()>>table&1 == 0 {
		return 0
	}
	if w == 0 {
		there &^= 1<<r.first - 1
	}
	return there & r.mem.Load32(w*4)
}

// look makes known what memory there is about page i and its word of the table, and
// returns what granted does then.
func (r *remote) look(i int) uint32 {
	if i < r.pages && r.has(i/32*4/shm.PageSize) {
		r.has(i)
	}
	return r.granted(i / 32)
}

// has reports whether page i has memory.
func (r *remote) has(i int) bool { return r.there[i/32].Load()>>(i%32)&1 != 0 || r.ask(i) }

// lookPages is how many pages the kernel is asked for at a time: a power of two.
const lookPages = 64

// ask asks the kernel for page i and those about it.
func (r *remote) ask(i int) bool {
	from := i &^ (lookPages - 1)
	var have [lookPages]bool
	n := min(lookPages, r.pages-from)
	if sys.Resident(r.b[from*shm.PageSize:(from+n)*shm.PageSize], have[:n], i-from) != nil {
		return false
	}
	for k, has := range have[:n] {
		if has {
			r.there[(from+k)/32].Or(1 << ((from + k) % 32))
		}
	}
	return have[i-from]
}

// unref ends n uses.
func (r *remote) unref(n int) {
	if r.refs.Add(int64(-n)) == 0 && r.retired.Load() {
		r.unmap()
	}
}

// retire is called when the peer is gone. What is mapped stays.
func (r *remote) retire() {
	r.gate.close(func() {})
	r.retired.Store(true)
	if r.refs.Load() == 0 {
		r.unmap()
	}
}

func (r *remote) unmap() {
	r.once.Do(func() {
		sys.Unmap(r.b)
		if ro := r.ro.Load(); ro != nil {
			sys.Unmap(*ro)
		}
		r.p.unuse()
	})
}

// split tells which arena a reference means, and which page of it: maxArenaPages, which no
// arena has, if it means none that could be.
func split(ref platform.GrantRef) (platform.Access, int) {
	arena := platform.ReadWrite
	if ref&roRef != 0 {
		arena, ref = platform.ReadOnly, ref&^roRef
	}
	return arena, int(min(ref, maxArenaPages))
}

// allowed reports whether a reference into the given arena may be used so.
func allowed(arena, access platform.Access) bool {
	return access == platform.ReadOnly || access == platform.ReadWrite && arena == platform.ReadWrite
}
