//go:build linux

package host

import (
	"fmt"
	"sync"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// MapEach maps pages that peer granted to us, each by itself: it is arithmetic and a look
// into the grant table, and the first time for a page a look at whether it has memory. On
// failure what it stored in pages means nothing.
func (d *Domain) MapEach(peer platform.DomID, refs []platform.GrantRef, access platform.Access, pages []shm.Memory) error {
	pages = pages[:len(refs)]
	for done := 0; done < len(refs); {
		n, err := d.mapRun(peer, refs[done:], access, pages[done:])
		if err != nil {
			d.UnmapEach(peer, refs[:done], access, pages[:done])
			return d.wrapPeer("map pages of", peer, err)
		}
		done += n
	}
	return nil
}

// mapRun maps as many of the references as are in one arena.
func (d *Domain) mapRun(peer platform.DomID, refs []platform.GrantRef, access platform.Access, pages []shm.Memory) (int, error) {
	r, err := d.remoteOf(peer, refs[0], access)
	if err != nil {
		return 0, err
	}
	if !r.gate.enter() {
		return 0, platform.ErrPeerGone
	}
	defer r.gate.leave()
	arena, _ := split(refs[0])
	b, ok := r.view(access)
	if !ok {
		return 0, platform.ErrNoSpace
	}
	n, mem := 0, shm.Of(b)
	word, good := -1, uint32(0)
	for _, ref := range refs {
		of, i := split(ref)
		if of != arena {
			break
		}
		if i/32 != word {
			word, good = i/32, r.granted(i/32)
		}
		if good>>(i%32)&1 == 0 {
			if good = r.look(i); good>>(i%32)&1 == 0 {
				return 0, fmt.Errorf("%w %d", platform.ErrBadRef, ref)
			}
		}
		pages[n] = mem.Page(i)
		n++
	}
	r.refs.Add(int64(n))
	return n, nil
}

// remoteOf returns the arena that a reference is into.
func (d *Domain) remoteOf(peer platform.DomID, ref platform.GrantRef, access platform.Access) (*remote, error) {
	arena, _ := split(ref)
	if !allowed(arena, access) {
		return nil, fmt.Errorf("%w %d: granted read-only", platform.ErrBadRef, ref)
	}
	if p := d.lookup(peer); p != nil {
		if r := p.theirs[arena].Load(); r != nil {
			return r, nil
		}
	}
	p, err := d.linked(peer)
	if err != nil {
		return nil, err
	}
	if r := p.theirs[arena].Load(); r != nil {
		return r, nil
	}
	return nil, platform.ErrPeerGone
}

// UnmapEach ends a MapEach.
func (d *Domain) UnmapEach(peer platform.DomID, refs []platform.GrantRef, access platform.Access, pages []shm.Memory) {
	p := d.lookup(peer)
	for i, ref := range refs {
		arena, _ := split(ref)
		if p != nil {
			if r := p.theirs[arena].Load(); r != nil && r.holds(access, pages[i]) {
				r.unref(1)
				continue
			}
		}
		if r := d.holder(access, pages[i]); r != nil {
			r.unref(1)
		}
	}
}

// holds reports whether the page is in the arena.
func (r *remote) holds(access platform.Access, page shm.Memory) bool {
	b := r.b
	if ro := r.ro.Load(); ro != nil && access == platform.ReadOnly {
		b = *ro
	}
	_, ok := shm.Of(b).Offset(page.Unstable())
	return ok
}

// holder returns the arena that a page is in, whose peer may be gone.
func (d *Domain) holder(access platform.Access, page shm.Memory) *remote {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p := range d.held {
		for i := range p.theirs {
			if r := p.theirs[i].Load(); r != nil && r.holds(access, page) {
				return r
			}
		}
	}
	return nil
}

// Map maps pages that peer granted to us, contiguous and in the order of refs.
func (d *Domain) Map(peer platform.DomID, refs []platform.GrantRef, access platform.Access) (platform.Mapping, error) {
	m, err := d.mapAll(peer, refs, access)
	if err != nil {
		return nil, d.wrapPeer("map pages of", peer, err)
	}
	return m, nil
}

// mapAll holds every page as MapEach does, then shows them in a row.
func (d *Domain) mapAll(peer platform.DomID, refs []platform.GrantRef, access platform.Access) (*view, error) {
	if len(refs) == 0 {
		return nil, fmt.Errorf("%w: none given", platform.ErrBadRef)
	}
	v := &view{d: d, peer: peer, refs: append([]platform.GrantRef(nil), refs...), access: access}
	v.pages = make([]shm.Memory, len(refs))
	if err := d.MapEach(peer, v.refs, access, v.pages); err != nil {
		return nil, err
	}
	r := d.holder(access, v.pages[0])
	if r == nil {
		return nil, platform.ErrClosed
	}
	if b, ok := r.view(access); ok { // MapEach has made it
		if at, ok := inARow(shm.Of(b), v.pages); ok {
			v.mem = shm.Of(b).Slice(at, len(refs)*shm.PageSize)
			return v, nil
		}
	}
	if err := v.gather(r.p); err != nil {
		d.UnmapEach(peer, v.refs, access, v.pages)
		return nil, fmt.Errorf("%w: %w", platform.ErrNoSpace, err)
	}
	return v, nil
}

// inARow returns the offset in mem of the first page if the others follow it.
func inARow(mem shm.Memory, pages []shm.Memory) (at int, ok bool) {
	at, _ = mem.Offset(pages[0].Unstable())
	for i, pg := range pages {
		if off, ok := mem.Offset(pg.Unstable()); !ok || off != at+i*shm.PageSize {
			return 0, false
		}
	}
	return at, true
}

// view implements platform.Mapping. Pages that aren't in a row in one arena get a
// mapping of their own:
//
//	arena  | a | b | c | d | e |        view of d, b, c   | d | b | c |
type view struct {
	d      *Domain
	peer   platform.DomID
	refs   []platform.GrantRef
	access platform.Access
	pages  []shm.Memory // where they are in the arenas
	mem    shm.Memory
	own    []byte // the mapping of our own, if there is one
	once   sync.Once
}

// gather maps the pages once more, in a row.
func (v *view) gather(p *peer) error {
	own, err := sys.MapNothing(len(v.refs) * shm.PageSize)
	if err != nil {
		return err
	}
	for i, ref := range v.refs {
		arena, page := split(ref)
		b, ok := p.theirs[arena].Load().view(v.access)
		if !ok {
			err = platform.ErrNoSpace
			break
		}
		if err = sys.AliasOver(own[i*shm.PageSize:(i+1)*shm.PageSize], b[page*shm.PageSize:(page+1)*shm.PageSize]); err != nil {
			break
		}
	}
	if err != nil {
		sys.Unmap(own)
		return err
	}
	v.own, v.mem = own, shm.Of(own)
	return nil
}

// Memory is our mapping, valid until Unmap.
func (v *view) Memory() shm.Memory { return v.mem }

// Unmap ends the mapping.
func (v *view) Unmap() {
	v.once.Do(func() {
		if v.own != nil {
			sys.Unmap(v.own)
		}
		v.d.UnmapEach(v.peer, v.refs, v.access, v.pages)
	})
}
