//go:build linux

package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
	"github.com/xenidc/idc/runtime/shm"
)

// remote is an arena that a peer granted to us, mapped whole (see arena for what it
// looks like). The peer can write any byte of it, the table included, at any time;
// it can't make it smaller.
type remote struct {
	p     *peer
	fd    int
	b     []byte
	mem   shm.Memory // b
	rb    []byte     // the read-write arena once more, read-only; else empty
	ro    shm.Memory // what ReadOnly maps: rb, or mem of the read-only arena
	first int        // page 0 to first-1 are the table
	pages int

	gate    gate         // entered by who reads the table
	refs    atomic.Int64 // pages and mappings in use
	retired atomic.Bool  // the peer is gone: unmap when refs is 0
	once    sync.Once
}

// remote returns the peer's arena with that access. The first time it asks the
// peer for it.
func (p *peer) remote(access platform.Access) (*remote, error) {
	if r := p.theirs[access].Load(); r != nil {
		return r, nil
	}
	p.asking[access].Lock()
	defer p.asking[access].Unlock()
	if r := p.theirs[access].Load(); r != nil {
		return r, nil
	}
	a, err := p.ask(context.Background(), proto.Msg{Op: proto.Arena, Access: uint8(access)})
	if err == nil {
		err = a.Status.Err()
	}
	if err != nil {
		closeFD(a.fd)
		return nil, err
	}
	if p.isGone() || !p.use() {
		closeFD(a.fd)
		return nil, platform.ErrPeerGone
	}
	r, err := newRemote(p, a, access)
	if err != nil {
		closeFD(a.fd)
		p.unuse()
		if errors.Is(err, unix.ENOMEM) {
			return nil, fmt.Errorf("%w: %w", platform.ErrNoSpace, err)
		}
		return nil, fmt.Errorf("%w: %w", platform.ErrBadRef, err)
	}
	p.theirs[access].Store(r)
	return r, nil
}

// newRemote checks and maps what the peer sent.
func newRemote(p *peer, a answer, access platform.Access) (*remote, error) {
	if a.A < minArenaPages || a.A > maxArenaPages {
		return nil, fmt.Errorf("arena of %d pages, want %d to %d", a.A, minArenaPages, maxArenaPages)
	}
	pages := int(a.A)
	if err := sys.CheckMemfd(a.fd, pages*shm.PageSize); err != nil {
		return nil, err
	}
	b, err := sys.Map(a.fd, 0, pages*shm.PageSize, access == platform.ReadWrite)
	if err != nil {
		return nil, err
	}
	r := &remote{p: p, fd: a.fd, b: b, mem: shm.Of(b), ro: shm.Of(b), first: tablePages(pages), pages: pages}
	if access == platform.ReadWrite {
		if r.rb, err = sys.Map(a.fd, 0, pages*shm.PageSize, false); err != nil {
			sys.Unmap(b)
			return nil, err
		}
		r.ro = shm.Of(r.rb)
	}
	return r, nil
}

// view is the mapping through which pages are reached with that access.
func (r *remote) view(access platform.Access) shm.Memory {
	if access == platform.ReadOnly {
		return r.ro
	}
	return r.mem
}

// granted reports whether the peer says that page i is granted. The gate is entered.
func (r *remote) granted(i int) bool {
	return i >= r.first && i < r.pages && r.mem.Load32(i/32*4)>>(i%32)&1 != 0
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
		sys.Unmap(r.rb)
		unix.Close(r.fd)
		r.p.unuse()
	})
}

// split tells which arena a reference means, and which page of it.
func split(ref platform.GrantRef) (platform.Access, int) {
	if ref&roRef != 0 {
		return platform.ReadOnly, int(ref &^ roRef)
	}
	return platform.ReadWrite, int(ref)
}

// allowed reports whether a reference into the given arena may be used so.
func allowed(arena, access platform.Access) bool {
	return access == platform.ReadOnly || access == platform.ReadWrite && arena == platform.ReadWrite
}
