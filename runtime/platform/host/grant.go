//go:build linux

package host

import (
	"fmt"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// grant implements platform.Grant. What follows one is guarded by the arena's mu.
type grant struct {
	a *arena
	span
	refs           []platform.GrantRef
	one            [1]platform.GrantRef // refs of a grant of one page
	revoked, freed bool
	pages          []byte // the shared pages, once other memory is in their place
}

// Grant allocates zeroed pages and grants each to peer. It makes a system call only when
// more pages are granted than ever before, one for 64 pages.
func (d *Domain) Grant(peer platform.DomID, pages int, access platform.Access) (platform.Grant, error) {
	g, err := d.grant(peer, pages, access)
	if err != nil {
		return nil, d.wrapPeer("grant to", peer, err)
	}
	return g, nil
}

func (d *Domain) grant(peer platform.DomID, pages int, access platform.Access) (*grant, error) {
	if pages < 1 || access > platform.ReadOnly {
		return nil, fmt.Errorf("grant of %d pages with access %d: not possible", pages, access)
	}
	p, err := d.ahead(peer)
	if err != nil {
		return nil, err
	}
	return p.mine[access].take(pages)
}

func newGrant(a *arena, first, n int) *grant {
	g := &grant{a: a, span: span{first, n}}
	if g.refs = g.one[:]; n > 1 {
		g.refs = make([]platform.GrantRef, n)
	}
	ref := platform.GrantRef(first)
	if a.access == platform.ReadOnly {
		ref |= roRef
	}
	for i := range g.refs {
		g.refs[i] = ref + platform.GrantRef(i)
	}
	return g
}

// Memory is our mapping of the pages, valid until Free.
func (g *grant) Memory() shm.Memory { return g.a.mem.Slice(g.first*shm.PageSize, g.n*shm.PageSize) }

// Refs holds one grant reference a page.
func (g *grant) Refs() []platform.GrantRef { return g.refs }

// Revoke takes the memory back: the peer reads zeros, and what it writes reaches
// nobody. It returns false only when the kernel has no room for another mapping.
func (g *grant) Revoke() bool { return g.a.takeBack(g, false) }

// Reclaim takes the memory back as it is: ours becomes a private copy, and the peer's is
// cleared.
func (g *grant) Reclaim() bool { return g.a.takeBack(g, true) }

// Free returns the pages. They are used again as late as possible.
func (g *grant) Free() { g.a.free(g) }

// wrapPeer says in an error what failed with whom.
func (d *Domain) wrapPeer(what string, peer platform.DomID, err error) error {
	return d.wrap(fmt.Sprintf("%s domain %d", what, peer), err)
}
