//go:build linux

package xen

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// maxMap is how many pages one call may map: gntdev's own limit
// (drivers/xen/gntdev.c).
const maxMap = 1 << 16

// mapped is one entry of gntdev's and its mapping, made by one MAP_GRANT_REF and one
// mmap, which can succeed once only. It ends the other way round: munmap, then
// UNMAP_GRANT_REF.
//
//	gntdev:  | index: ref 0 | ref 1 | ... | ref n-1 |    one entry, n pages
//	memory:  | page 0       | page 1| ... | page n-1|    in the order of the references
type mapped struct {
	b     []byte
	index uint64
	pages int
}

// mapSet is what a domain has mapped, by address: MapEach and UnmapEach share nothing
// but the pages.
type mapSet struct {
	mu    sync.Mutex
	at    map[uintptr]mapped
	total int
	buf   sys.GntdevBuffer
}

// Map maps pages that peer granted to us, contiguous and in the order of refs.
func (d *Domain) Map(peer platform.DomID, refs []platform.GrantRef, access platform.Access) (platform.Mapping, error) {
	b, err := d.mapRefs(peer, refs, access)
	if err != nil {
		return nil, d.wrapPeer("map pages of", peer, err)
	}
	return &mapping{d: d, b: b}, nil
}

// MapEach maps pages that peer granted to us. All of a call are one entry of the
// device's: that is two system calls to map and two to unmap, however many there are.
func (d *Domain) MapEach(peer platform.DomID, refs []platform.GrantRef, access platform.Access, pages []shm.Memory) error {
	pages = pages[:len(refs)]
	if len(refs) == 0 {
		return nil
	}
	b, err := d.mapRefs(peer, refs, access)
	if err != nil {
		return d.wrapPeer("map pages of", peer, err)
	}
	all := shm.Of(b)
	for i := range pages {
		pages[i] = all.Page(i)
	}
	return nil
}

// UnmapEach ends a MapEach of the same pages.
func (d *Domain) UnmapEach(_ platform.DomID, refs []platform.GrantRef, _ platform.Access, pages []shm.Memory) {
	if len(refs) > 0 {
		d.unmap(pages[0].Unstable())
	}
}

// mapping implements platform.Mapping.
type mapping struct {
	d    *Domain
	b    []byte
	once sync.Once
}

// Memory is our mapping, valid until Unmap.
func (m *mapping) Memory() shm.Memory { return shm.Of(m.b) }

// Unmap ends the mapping.
func (m *mapping) Unmap() { m.once.Do(func() { m.d.unmap(m.b) }) }

// mapRefs maps pages in a row, or none.
func (d *Domain) mapRefs(peer platform.DomID, refs []platform.GrantRef, access platform.Access) ([]byte, error) {
	if len(refs) == 0 || len(refs) > maxMap || access > platform.ReadOnly {
		return nil, fmt.Errorf("%w: %d of them, 1 to %d are possible", platform.ErrBadRef, len(refs), maxMap)
	}
	if err := d.peers.known(peer); err != nil {
		return nil, err
	}
	for _, ref := range refs {
		if ref == 0 {
			return nil, fmt.Errorf("%w 0", platform.ErrBadRef)
		}
	}
	b, err := d.mapNow(peer, refs, access)
	if errors.Is(err, unix.EINVAL) {
		err = d.whyNot(peer, refs, access)
	}
	return b, err
}

func (d *Domain) mapNow(peer platform.DomID, refs []platform.GrantRef, access platform.Access) ([]byte, error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	fd, err := d.devices.open(gntdev)
	if err != nil {
		return nil, err
	}
	b, err := d.maps.make(fd, uint16(peer), refs, access == platform.ReadWrite)
	return b, lacking(err)
}

// make maps pages and remembers them.
func (s *mapSet) make(fd int, peer uint16, refs []platform.GrantRef, write bool) ([]byte, error) {
	s.mu.Lock()
	index, err := sys.GntdevMap(&s.buf, fd, peer, refs)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	b, err := sys.MapDevice(fd, index, len(refs)*shm.PageSize, write)
	if err != nil {
		_ = sys.GntdevUnmap(fd, index, len(refs)) // the kernel has undone the rest
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == nil {
		s.at = map[uintptr]mapped{}
	}
	s.at[sys.Address(b)] = mapped{b, index, len(refs)}
	s.total += len(refs)
	return b, nil
}

// unmap ends the mapping that starts where b does, if there is one. After Close the
// kernel ends gntdev's entry with the mapping: the device was closed before.
func (d *Domain) unmap(b []byte) {
	m, ok := d.maps.take(sys.Address(b))
	if !ok {
		return
	}
	if d.enter() != nil {
		sys.Unmap(m.b)
		return
	}
	defer d.leave()
	sys.Unmap(m.b)
	if fd, err := d.devices.open(gntdev); err == nil {
		_ = sys.GntdevUnmap(fd, m.index, m.pages) // the entry is ours: it can't fail
	}
}

// take removes the mapping at an address from the set.
func (s *mapSet) take(at uintptr) (mapped, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.at[at]
	delete(s.at, at)
	s.total -= m.pages
	return m, ok
}

// index is where gntdev has the mapping that starts at an address.
func (s *mapSet) index(at uintptr) (uint64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.at[at]
	return m.index, ok
}

func (s *mapSet) pages() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

// whyNot finds out what was wrong with a mapping: the device says EINVAL for
// everything.
func (d *Domain) whyNot(peer platform.DomID, refs []platform.GrantRef, access platform.Access) error {
	if gone := d.peers.verify(peer); gone != nil {
		return gone
	}
	if i := d.firstBad(peer, refs); i >= 0 {
		return fmt.Errorf("%w %d, number %d of %d: it isn't granted to us", platform.ErrBadRef, refs[i], i+1, len(refs))
	}
	why := "the table of mapped grants is full (gnttab_max_maptrack_frames on Xen's command line)"
	if access == platform.ReadWrite {
		why = "one was granted to be read only, or " + why
	}
	return fmt.Errorf("%w among %d from %d on: %s", platform.ErrBadRef, len(refs), refs[0], why)
}

// maxAsked bounds the work that a peer's bad references can cause.
const maxAsked = 256

// firstBad returns the first reference that can't even be read, -1 if all can. It
// copies a byte of each, which tells of each by itself in one system call.
func (d *Domain) firstBad(peer platform.DomID, refs []platform.GrantRef) int {
	if d.enter() != nil {
		return -1
	}
	defer d.leave()
	fd, err := d.devices.open(gntdev)
	if err != nil {
		return -1
	}
	var c sys.GrantCopy
	sink := make([]byte, 1)
	for _, ref := range refs[:min(len(refs), maxAsked)] {
		c.From(uint16(peer), uint32(ref), 0, sink)
	}
	if c.Run(fd) != nil {
		return -1
	}
	for i := range c.Len() {
		if c.Status(i) != 0 {
			return i
		}
	}
	return -1
}
