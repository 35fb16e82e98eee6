package sim

import (
	"fmt"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// firstRef is the first grant reference given out. Xen reserves 8 (0 for the
// console, 1 for the store).
const firstRef = 8

// entry is one line of a grant table: a page that one peer may map.
type entry struct {
	g      *grant
	page   shm.Memory
	index  int // of the page in its grant
	peer   platform.DomID
	access platform.Access
	maps   int // how many times the peer has it mapped now
}

// grantTable is what a domain has granted. References are used again as late as
// possible, so that a stale one is noticed. All of it is guarded by World.mu.
type grantTable struct {
	entries   []*entry // by reference less firstRef; nil where free
	free      []platform.GrantRef
	live      int
	abandoned int
}

// lookup returns the entry of a reference, which may come from a peer, or nil.
func (t *grantTable) lookup(ref platform.GrantRef) *entry {
	if ref < firstRef || uint64(ref-firstRef) >= uint64(len(t.entries)) {
		return nil
	}
	return t.entries[ref-firstRef]
}

// add gives a page a reference.
func (t *grantTable) add(e *entry, limit int) platform.GrantRef {
	t.live++
	if len(t.entries) < limit {
		t.entries = append(t.entries, e)
		return firstRef + platform.GrantRef(len(t.entries)-1)
	}
	ref := t.free[0]
	t.free = t.free[1:]
	t.entries[ref-firstRef] = e
	return ref
}

// remove frees a reference.
func (t *grantTable) remove(ref platform.GrantRef) {
	t.entries[ref-firstRef] = nil
	t.free = append(t.free, ref)
	t.live--
}

// each visits the entries in use.
func (t *grantTable) each(visit func(platform.GrantRef, *entry)) {
	for i, e := range t.entries {
		if e != nil {
			visit(firstRef+platform.GrantRef(i), e)
		}
	}
}

// grant is a platform.Grant: pages of owner's, and their references while they may
// be mapped.
type grant struct {
	owner *Domain
	refs  []platform.GrantRef

	// Guarded by World.mu.
	mem     shm.Memory
	revoked bool
	freed   bool
}

// Grant allocates zeroed pages that peer may map.
func (d *Domain) Grant(peer platform.DomID, pages int, access platform.Access) (platform.Grant, error) {
	if err := d.w.at(OpGrant, d.id); err != nil {
		return nil, err
	}
	if pages < 1 || pages > d.w.opts.Grants {
		return nil, fmt.Errorf("sim: grant %d pages, 1 to %d are possible: %w", pages, d.w.opts.Grants, platform.ErrNoSpace)
	}
	if peer >= platform.FirstReserved {
		return nil, fmt.Errorf("sim: grant to domain %d: %w", peer, platform.ErrNoDomain)
	}
	g := &grant{owner: d, mem: shm.Alloc(pages * shm.PageSize)}
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	switch {
	case d.ended:
		return nil, d.errClosed()
	case d.w.being(peer).over():
		return nil, fmt.Errorf("sim: grant to domain %d: %w", peer, platform.ErrPeerGone)
	case d.grants.live+pages > d.w.opts.Grants:
		return nil, fmt.Errorf("sim: domain %d has %d of %d pages granted, %d more: %w",
			d.id, d.grants.live, d.w.opts.Grants, pages, platform.ErrNoSpace)
	}
	for i := range pages {
		e := &entry{g: g, page: g.mem.Page(i), index: i, peer: peer, access: access}
		g.refs = append(g.refs, d.grants.add(e, d.w.opts.Grants))
	}
	return g, nil
}

// Memory is the owner's view. After Revoke it is other memory than before.
func (g *grant) Memory() shm.Memory {
	g.owner.w.mu.Lock()
	defer g.owner.w.mu.Unlock()
	return g.mem
}

// Refs holds one reference a page.
func (g *grant) Refs() []platform.GrantRef { return g.refs }

// Revoke takes the pages back. It fails only with HoldGrants.
func (g *grant) Revoke() bool {
	// A revocation can't fail; a hook can only delay it.
	_ = g.owner.w.at(OpRevoke, g.owner.id)
	g.owner.w.mu.Lock()
	defer g.owner.w.mu.Unlock()
	return g.revoke()
}

// Reclaim takes the pages back as they are. It fails while the peer has one mapped:
// what both sides see is one piece of Go memory, which can't be exchanged under either.
func (g *grant) Reclaim() bool {
	_ = g.owner.w.at(OpRevoke, g.owner.id)
	g.owner.w.mu.Lock()
	defer g.owner.w.mu.Unlock()
	if g.revoked || g.freed || g.owner.ended {
		return true
	}
	if g.mapped() {
		return false
	}
	g.dropRefs()
	return true
}

// dropRefs gives up the references. w.mu is held.
func (g *grant) dropRefs() {
	for _, ref := range g.refs {
		g.owner.grants.remove(ref)
	}
	g.revoked = true
}

// Free revokes the pages and gives up the references.
func (g *grant) Free() {
	_ = g.owner.w.at(OpRevoke, g.owner.id)
	g.owner.w.mu.Lock()
	defer g.owner.w.mu.Unlock()
	if g.freed {
		return
	}
	if !g.revoke() {
		g.abandon()
	}
	g.freed = true
	g.mem = shm.Memory{}
}

// revoke leaves the old pages, zeroed, to whoever has them mapped, and gives the
// owner new ones. w.mu is held.
func (g *grant) revoke() bool {
	if g.revoked || g.freed || g.owner.ended {
		return true
	}
	if g.owner.w.opts.HoldGrants && g.mapped() {
		return false
	}
	g.dropRefs()
	scrub(g.mem.Unstable())
	g.mem = shm.Alloc(g.mem.Len())
	return true
}

// mapped reports whether the peer has a page mapped. w.mu is held.
func (g *grant) mapped() bool {
	for _, ref := range g.refs {
		if g.owner.grants.lookup(ref).maps > 0 {
			return true
		}
	}
	return false
}

// abandon releases the pages that nobody has mapped and leaves the others until
// they are unmapped. w.mu is held.
func (g *grant) abandon() {
	for _, ref := range g.refs {
		if g.owner.grants.lookup(ref).maps > 0 {
			g.owner.grants.abandoned++
		} else {
			g.owner.grants.remove(ref)
		}
	}
}

// dropGrants ends all grants with their domain. w.mu is held.
func (d *Domain) dropGrants(revoke bool) {
	d.grants.each(func(_ platform.GrantRef, e *entry) {
		if revoke && !d.w.opts.HoldGrants {
			scrub(e.page.Unstable())
		}
	})
	d.grants = grantTable{}
}

// scrub zeroes memory that a peer may be using at this moment. A platform that
// takes memory away is no party to the program's own synchronisation, so the race
// detector isn't shown it.
//
//go:norace
func scrub(b []byte) {
	for i := range b {
		b[i] = 0
	}
}
