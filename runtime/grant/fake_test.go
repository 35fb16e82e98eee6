package grant

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// mapKey is what the platform maps by.
type mapKey struct {
	ref    platform.GrantRef
	access platform.Access
}

// fakeDomain is the memory side of a domain, all in Go memory: what is granted is
// at once what the same fake maps. It accounts for everything, and every mapping
// gets an address of its own.
type fakeDomain struct {
	platform.Domain // nil: nothing else is used

	mu       sync.Mutex
	nextRef  platform.GrantRef
	granted  map[platform.GrantRef]bool
	freed    int // grants that were freed
	mapped   map[mapKey]int
	pages    map[mapKey]shm.Memory
	calls    int // of MapEach
	room     int // pages that may be mapped at once, if limited
	limited  bool
	badRefs  map[platform.GrantRef]bool
	grantErr error
}

func newFake() *fakeDomain {
	return &fakeDomain{
		nextRef: 8, // the first are reserved on Xen
		granted: map[platform.GrantRef]bool{},
		mapped:  map[mapKey]int{},
		pages:   map[mapKey]shm.Memory{},
		badRefs: map[platform.GrantRef]bool{},
	}
}

type fakeGrant struct {
	d    *fakeDomain
	mem  shm.Memory
	refs []platform.GrantRef
}

func (d *fakeDomain) Grant(_ platform.DomID, pages int, _ platform.Access) (platform.Grant, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.grantErr != nil {
		return nil, d.grantErr
	}
	g := &fakeGrant{d: d, mem: shm.Alloc(pages * shm.PageSize)}
	for range pages {
		g.refs = append(g.refs, d.nextRef)
		d.granted[d.nextRef] = true
		d.nextRef++
	}
	return g, nil
}

func (g *fakeGrant) Memory() shm.Memory        { return g.mem }
func (g *fakeGrant) Refs() []platform.GrantRef { return g.refs }
func (g *fakeGrant) Revoke() bool              { return true }
func (g *fakeGrant) Reclaim() bool             { return true }

func (g *fakeGrant) Free() {
	g.d.mu.Lock()
	defer g.d.mu.Unlock()
	for _, r := range g.refs {
		if !g.d.granted[r] {
			panic("freed twice")
		}
		delete(g.d.granted, r)
	}
	g.d.freed++
}

func (d *fakeDomain) MapEach(_ platform.DomID, refs []platform.GrantRef, access platform.Access, pages []shm.Memory) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	for _, r := range refs {
		if d.badRefs[r] {
			return platform.ErrBadRef
		}
	}
	if d.limited && d.total()+len(refs) > d.room {
		return platform.ErrNoSpace
	}
	for i, r := range refs {
		k := mapKey{r, access}
		if d.mapped[k] == 0 && d.pages[k].Len() == 0 {
			d.pages[k] = shm.Alloc(shm.PageSize)
			d.pages[k].Store32(0, uint32(r))
		}
		d.mapped[k]++
		pages[i] = d.pages[k]
	}
	return nil
}

func (d *fakeDomain) UnmapEach(_ platform.DomID, refs []platform.GrantRef, access platform.Access, pages []shm.Memory) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, r := range refs {
		k := mapKey{r, access}
		if d.mapped[k] == 0 || pages[i].Load32(0) != uint32(r) {
			panic(fmt.Sprintf("unmapping %v, which isn't mapped", k))
		}
		if d.mapped[k]--; d.mapped[k] == 0 {
			delete(d.mapped, k)
		}
	}
}

// total is the number of pages mapped. The lock is held.
func (d *fakeDomain) total() (n int) {
	for c := range maps.Values(d.mapped) {
		n += c
	}
	return n
}

func (d *fakeDomain) mappedNow() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.total()
}

// noLeaks fails the test if anything is still granted or mapped.
func (d *fakeDomain) noLeaks(t testing.TB) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.granted) != 0 || d.total() != 0 {
		t.Errorf("left over: %d pages granted, %d mapped", len(d.granted), d.total())
	}
}

var errGrant = errors.New("no memory today")

// mustPanic fails the test unless do panics.
func mustPanic(t *testing.T, what string, do func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no panic", what)
		}
	}()
	do()
}

// randomBytes returns n bytes, the same ones for the same seed.
func randomBytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}
