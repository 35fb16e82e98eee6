package sim

import (
	"fmt"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

var _ platform.Copier = (*Domain)(nil)

// CopyFrom copies from pages that peer granted to us.
func (d *Domain) CopyFrom(peer platform.DomID, pieces []platform.CopyPiece) error {
	return d.copyAll(peer, pieces, platform.ReadOnly)
}

// CopyTo copies to pages that peer granted to us for writing.
func (d *Domain) CopyTo(peer platform.DomID, pieces []platform.CopyPiece) error {
	return d.copyAll(peer, pieces, platform.ReadWrite)
}

func (d *Domain) copyAll(peer platform.DomID, pieces []platform.CopyPiece, access platform.Access) (first error) {
	err := d.w.at(OpMap, d.id)
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	for i := range pieces {
		p := &pieces[i]
		if p.Err = err; err == nil {
			p.Err = d.copyOne(peer, p, access)
		}
		if first == nil {
			first = p.Err
		}
	}
	return first
}

// copyOne copies a piece. Neither hook nor peer can come between: w.mu is held.
func (d *Domain) copyOne(peer platform.DomID, p *platform.CopyPiece, access platform.Access) error {
	if p.Offset >= shm.PageSize || len(p.Local) == 0 || len(p.Local) > shm.PageSize-int(p.Offset) {
		return fmt.Errorf("sim: copy %d bytes at offset %d of grant %d of domain %d: not within a page: %w",
			len(p.Local), p.Offset, p.Ref, peer, platform.ErrBadRef)
	}
	ref := [1]platform.GrantRef{p.Ref}
	owner, err := d.check(peer, ref[:], access)
	if err != nil {
		return err
	}
	page := owner.grants.lookup(p.Ref).page
	if access == platform.ReadOnly {
		page.CopyOut(p.Local, int(p.Offset))
	} else {
		page.CopyIn(int(p.Offset), p.Local)
	}
	return nil
}
