package sim

import (
	"fmt"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// mapCount is how many pages a domain has mapped, those revoked since included.
type mapCount struct{ live int }

// mapping is a platform.Mapping: pages of peer's, side by side.
type mapping struct {
	d     *Domain
	peer  platform.DomID
	refs  []platform.GrantRef
	pages []shm.Memory
	mem   shm.Memory
}

// Map maps pages that are neighbours within one grant, in order, or a single one.
func (d *Domain) Map(peer platform.DomID, refs []platform.GrantRef, access platform.Access) (platform.Mapping, error) {
	if len(refs) == 0 {
		return nil, fmt.Errorf("sim: map no pages of domain %d: %w", peer, platform.ErrBadRef)
	}
	if len(refs) > d.w.opts.Grants {
		return nil, fmt.Errorf("sim: map %d pages of domain %d, which grants %d at most: %w",
			len(refs), peer, d.w.opts.Grants, platform.ErrBadRef)
	}
	if err := d.w.at(OpMap, d.id); err != nil {
		return nil, err
	}
	m := &mapping{d: d, peer: peer, refs: append([]platform.GrantRef(nil), refs...), pages: make([]shm.Memory, len(refs))}
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	owner, err := d.check(peer, refs, access)
	if err != nil {
		return nil, err
	}
	if m.mem, err = owner.side(refs); err != nil {
		return nil, err
	}
	d.take(owner, refs, m.pages)
	return m, nil
}

// MapEach maps pages each by itself.
func (d *Domain) MapEach(peer platform.DomID, refs []platform.GrantRef, access platform.Access, pages []shm.Memory) error {
	if err := d.w.at(OpMap, d.id); err != nil {
		return err
	}
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	owner, err := d.check(peer, refs, access)
	if err != nil {
		return err
	}
	d.take(owner, refs, pages)
	return nil
}

// UnmapEach ends a MapEach. The pages are cleared: they name nothing.
func (d *Domain) UnmapEach(peer platform.DomID, refs []platform.GrantRef, _ platform.Access, pages []shm.Memory) {
	// Unmapping can't fail; a hook can only delay it.
	_ = d.w.at(OpUnmap, d.id)
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	d.drop(peer, refs, pages)
}

// check finds the owner of pages that d may map so. w.mu is held.
func (d *Domain) check(peer platform.DomID, refs []platform.GrantRef, access platform.Access) (*Domain, error) {
	if d.ended {
		return nil, d.errClosed()
	}
	owner := d.w.domains[peer]
	switch {
	case owner == nil:
		return nil, fmt.Errorf("sim: map pages of domain %d, which never was: %w", peer, platform.ErrBadRef)
	case owner.ended:
		return nil, fmt.Errorf("sim: map pages of domain %d: %w", peer, platform.ErrPeerGone)
	}
	for _, ref := range refs {
		if e := owner.grants.lookup(ref); e == nil || e.peer != d.id || e.g.freed ||
			access != platform.ReadOnly && e.access == platform.ReadOnly {
			return nil, fmt.Errorf("sim: domain %d maps grant %d of domain %d (read-only: %v): %w",
				d.id, ref, peer, access == platform.ReadOnly, platform.ErrBadRef)
		}
	}
	return owner, nil
}

// take maps pages that were checked. w.mu is held.
func (d *Domain) take(owner *Domain, refs []platform.GrantRef, pages []shm.Memory) {
	for i, ref := range refs {
		e := owner.grants.lookup(ref)
		e.maps++
		pages[i] = e.page
	}
	d.maps.live += len(refs)
}

// drop unmaps pages and clears them. References whose grant has ended meanwhile may
// name other pages by now, which aren't touched. w.mu is held.
func (d *Domain) drop(peer platform.DomID, refs []platform.GrantRef, pages []shm.Memory) {
	if d.ended {
		return
	}
	d.maps.live -= len(refs)
	owner := d.w.domains[peer]
	for i, ref := range refs {
		if e := owner.grants.lookup(ref); e != nil && e.maps > 0 && same(e.page, pages[i]) {
			owner.unmapped(ref, e, 1)
		}
		pages[i] = shm.Memory{}
	}
}

// unmapped counts n mappings of an entry as ended, and releases a page that had
// been abandoned. w.mu is held.
func (d *Domain) unmapped(ref platform.GrantRef, e *entry, n int) {
	if e.maps -= n; e.maps == 0 && e.g.freed {
		d.grants.remove(ref)
		d.grants.abandoned--
	}
}

// dropMappings ends all mappings with their domain. w.mu is held.
func (d *Domain) dropMappings() {
	d.maps = mapCount{}
	for _, owner := range d.w.domains {
		owner.grants.each(func(ref platform.GrantRef, e *entry) {
			if e.peer == d.id && e.maps > 0 {
				owner.unmapped(ref, e, e.maps)
			}
		})
	}
}

// side returns pages as one run, if they are one. w.mu is held.
func (d *Domain) side(refs []platform.GrantRef) (shm.Memory, error) {
	first := d.grants.lookup(refs[0])
	for i, ref := range refs {
		if e := d.grants.lookup(ref); e.g != first.g || e.index != first.index+i {
			return shm.Memory{}, fmt.Errorf("sim: map grants %d and %d of domain %d: %w", refs[0], ref, d.id, ErrScattered)
		}
	}
	return first.g.mem.Slice(first.index*shm.PageSize, len(refs)*shm.PageSize), nil
}

// same reports whether two pages are one.
func same(a, b shm.Memory) bool {
	off, in := a.Offset(b.Unstable())
	return in && off == 0
}

// Memory is the pages, side by side.
func (m *mapping) Memory() shm.Memory { return m.mem }

// Unmap ends the mapping.
func (m *mapping) Unmap() {
	_ = m.d.w.at(OpUnmap, m.d.id)
	m.d.w.mu.Lock()
	defer m.d.w.mu.Unlock()
	if m.pages == nil {
		return
	}
	m.d.drop(m.peer, m.refs, m.pages)
	m.pages, m.mem = nil, shm.Memory{}
}
