//go:build linux

package xen

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// maxGrant is how many pages one call may grant. The kernel's own default limit for
// all callers together is 1024.
const maxGrant = 1 << 16

// limitParameter is the kernel's limit on gntalloc's grants, of all programs together.
const limitParameter = "/sys/module/xen_gntalloc/parameters/limit"

// grant implements platform.Grant: one allocation of gntalloc's, mapped once and
// whole. Its pages are never used again for another grant: whether the peer has let
// go can't be known for certain, so they go back to the kernel, which keeps a page
// that is still mapped until it isn't.
//
//	gntalloc:  | index            index+4096        ...      |   pages of the kernel's
//	mem:       | page 0          | page 1          |         |   mapped shared, writable
//	refs:        refs[0]           refs[1]
//
// Its life, where "zeros" is private memory in the place of the pages:
//
//	granted --Revoke--> zeros --Free--> unmapped
//	granted --Reclaim--> a private copy --Free--> unmapped
//	granted --the domain's Close--> zeros
//	granted --Free------------------> unmapped
type grant struct {
	d     *Domain
	index uint64
	refs  []platform.GrantRef
	b     []byte

	// Guarded by grantSet.mu.
	revoked, ended, released bool
}

// grantSet is a domain's grants.
type grantSet struct {
	mu        sync.Mutex
	held      map[*grant]struct{}
	pages     int
	abandoned uint64
}

// Grant allocates zeroed pages and grants each to peer. It makes two system calls.
func (d *Domain) Grant(peer platform.DomID, pages int, access platform.Access) (platform.Grant, error) {
	g, err := d.grant(peer, pages, access)
	if err != nil {
		return nil, d.wrapPeer(fmt.Sprintf("grant %d pages to", pages), peer, err)
	}
	return g, nil
}

func (d *Domain) grant(peer platform.DomID, pages int, access platform.Access) (*grant, error) {
	if pages < 1 || pages > maxGrant || access > platform.ReadOnly {
		return nil, fmt.Errorf("with access %d: 1 to %d pages are possible: %w", access, maxGrant, platform.ErrNoSpace)
	}
	if _, err := d.peers.ahead(peer); err != nil {
		return nil, err
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	fd, err := d.devices.open(gntalloc)
	if err != nil {
		return nil, err
	}
	g := &grant{d: d, refs: make([]platform.GrantRef, pages)}
	if g.index, err = sys.GntallocAlloc(fd, uint16(peer), access == platform.ReadWrite, g.refs); err != nil {
		return nil, explainAlloc(err, readLimit())
	}
	if g.b, err = sys.MapDevice(fd, g.index, pages*shm.PageSize, true); err != nil {
		_ = sys.GntallocDealloc(fd, g.index, pages) // it is ours, and nobody has it mapped
		return nil, lacking(err)
	}
	d.grants.add(g)
	return g, nil
}

// explainAlloc says what to do when gntalloc gives no pages.
func explainAlloc(err error, limit string) error {
	if !errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("gntalloc: %w", lacking(err))
	}
	return fmt.Errorf("%w: gntalloc's limit of %s grants for all programs of this domain together is reached: "+
		"raise it with echo 16384 > %s, or for good with options xen-gntalloc limit=16384 in /etc/modprobe.d: %w",
		platform.ErrNoSpace, limit, limitParameter, err)
}

// readLimit returns the limit in force, for a message.
func readLimit() string {
	text, err := os.ReadFile(limitParameter)
	if err != nil {
		return "1024 (the default)"
	}
	return strings.TrimSpace(string(text))
}

func (s *grantSet) add(g *grant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		s.held = map[*grant]struct{}{}
	}
	s.held[g] = struct{}{}
	s.pages += len(g.refs)
}

// count returns how many pages are granted and how many were abandoned.
func (s *grantSet) count() (granted int, abandoned uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pages, s.abandoned
}

// Memory is our mapping, valid until Free. After Revoke it is private zeros.
func (g *grant) Memory() shm.Memory { return shm.Of(g.b) }

// Refs holds one grant reference a page.
func (g *grant) Refs() []platform.GrantRef { return g.refs }

// Revoke gives the pages back to the kernel and leaves zeros in their place. It
// returns true if the references were seen to be free again, so that no page of
// them is mapped by anybody. It returns false when the peer holds a page, or when it
// can't be told, because somebody else in this domain took a reference meanwhile.
func (g *grant) Revoke() bool {
	if g.d.enter() != nil {
		return true // Close has done it
	}
	defer g.d.leave()
	s := &g.d.grants
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revoke(g)
}

// Reclaim moves our contents to private memory in the place of the pages, which go back
// to the kernel. The peer may keep those: nobody of ours sees them any more.
func (g *grant) Reclaim() bool {
	if g.d.enter() != nil {
		return true // Close has taken the pages
	}
	defer g.d.leave()
	s := &g.d.grants
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.revoked || g.ended {
		return true
	}
	if g.moveOut() != nil {
		return false
	}
	g.revoked = true
	s.release(g)
	return true
}

// moveOut replaces the pages by a copy of them. What somebody of ours writes between the
// copy and the exchange is found by comparing once more, through a second mapping. Until
// then a reader may find what was there before; nothing is lost.
func (g *grant) moveOut() error {
	fd, err := g.d.devices.open(gntalloc)
	if err != nil {
		return err
	}
	old, err := sys.MapDevice(fd, g.index, len(g.b), true)
	if err != nil {
		return err
	}
	defer sys.Unmap(old)
	b, err := sys.MapNew(len(g.b))
	if err != nil {
		return err
	}
	copy(b, old)
	was := bytes.Clone(b)
	if err := sys.MoveOver(g.b, b); err != nil {
		sys.Unmap(b)
		return err
	}
	merge(shm.Of(g.b), was, old)
	return nil
}

// merge writes to mem those bytes of late that differ from was, unless mem has been
// written there since: the later write counts.
func merge(mem shm.Memory, was, late []byte) {
	for off := 0; off < len(was); off += 4 {
		for w, l := was[off:off+4], late[off:off+4]; !bytes.Equal(w, l); {
			now := mem.Load32(off)
			var b [4]byte
			binary.NativeEndian.PutUint32(b[:], now)
			for i := range b {
				if b[i] == w[i] {
					b[i] = l[i]
				}
			}
			if mem.CompareAndSwap32(off, now, binary.NativeEndian.Uint32(b[:])) {
				break
			}
		}
	}
}

// Free revokes and unmaps. What the peer won't release is abandoned and counted.
func (g *grant) Free() {
	if g.d.enter() == nil {
		defer g.d.leave()
	}
	s := &g.d.grants
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free(g)
}

// free ends a grant. The lock is held.
func (s *grantSet) free(g *grant) {
	if g.ended {
		return
	}
	g.ended = true
	if !g.revoked {
		sys.Unmap(g.b)
		s.release(g)
	} else {
		sys.Unmap(g.b)
	}
	delete(s.held, g)
}

// revoke puts zeros in the place of the pages. The lock is held.
func (s *grantSet) revoke(g *grant) bool {
	if g.revoked || g.ended {
		return g.released
	}
	if sys.MapZerosOver(g.b) != nil {
		return false // no room for a mapping: nothing has changed
	}
	g.revoked = true
	return s.release(g)
}

// release gives the references of an unmapped grant back, and looks what became of
// them. The lock is held, so that our own calls don't disturb that.
func (s *grantSet) release(g *grant) bool {
	s.pages -= len(g.refs)
	fd, err := g.d.devices.open(gntalloc)
	if err != nil {
		return false
	}
	if sys.GntallocDealloc(fd, g.index, len(g.refs)) != nil {
		return false
	}
	held := len(g.refs) - s.returned(fd, g)
	s.abandoned += uint64(held)
	g.released = held == 0
	return g.released
}

// returned counts the references that are free again. The kernel doesn't tell
// whether a page was still mapped by the peer when it was given back: it then keeps
// page and reference to itself until the peer lets go. But a reference that is free
// is the first to be given out again (put_free_entry and get_free_entries of
// drivers/xen/grant-table.c are a stack), so as many pages are granted once more, to
// ourselves, and the references that come back are free for certain.
func (s *grantSet) returned(fd int, g *grant) (n int) {
	probe := make([]platform.GrantRef, len(g.refs))
	index, err := sys.GntallocAlloc(fd, uint16(g.d.id), false, probe)
	if err != nil {
		return 0
	}
	was := make(map[platform.GrantRef]struct{}, len(g.refs))
	for _, ref := range g.refs {
		was[ref] = struct{}{}
	}
	for _, ref := range probe {
		if _, ok := was[ref]; ok {
			n++
		}
	}
	_ = sys.GntallocDealloc(fd, index, len(probe)) // ours alone: it can't fail
	return n
}

// close gives all pages back. Zeros stay in their place until Free.
func (s *grantSet) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for g := range s.held {
		s.revoke(g)
	}
}
