package grant

import (
	"slices"
	"testing"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// cacheModel says in the plainest way which pages a cache must have mapped.
type cacheModel struct {
	max  int
	uses map[mapKey]int
	idle []idleKey // longest first
	age  int
}

type idleKey struct {
	k   mapKey
	age int
}

func (m *cacheModel) mapped() int { return len(m.uses) + len(m.idle) }

func (m *cacheModel) isIdle(k mapKey) int {
	return slices.IndexFunc(m.idle, func(i idleKey) bool { return i.k == k })
}

func (m *cacheModel) shrink(keep int) {
	for m.mapped() > keep && len(m.idle) > 0 {
		m.idle = m.idle[1:]
	}
}

func (m *cacheModel) take(k mapKey) {
	if i := m.isIdle(k); i >= 0 {
		m.idle = slices.Delete(m.idle, i, i+1)
	}
	m.uses[k]++
}

// mapEach predicts a call, and whether it succeeds.
func (m *cacheModel) mapEach(keys []mapKey, bad map[platform.GrantRef]bool) bool {
	var held, missing []mapKey
	for _, k := range keys {
		if m.uses[k] > 0 || m.isIdle(k) >= 0 {
			m.take(k)
			held = append(held, k)
		} else {
			missing = append(missing, k)
		}
	}
	for _, k := range missing {
		if m.uses[k] == 0 {
			m.shrink(max(m.max-1, 0))
			if bad[k.ref] {
				m.undo(keys, held)
				return false
			}
		}
		m.take(k)
		held = append(held, k)
	}
	return true
}

// undo releases what a failed call holds, in the order of its references.
func (m *cacheModel) undo(keys, held []mapKey) {
	for _, k := range keys {
		if i := slices.Index(held, k); i >= 0 {
			held = slices.Delete(held, i, i+1)
			m.release(k)
		}
	}
	m.shrink(m.max)
}

func (m *cacheModel) release(k mapKey) {
	if m.uses[k]--; m.uses[k] == 0 {
		delete(m.uses, k)
		m.idle = append(m.idle, idleKey{k, m.age})
	}
}

func (m *cacheModel) unmapEach(keys []mapKey) {
	for _, k := range keys {
		m.release(k)
	}
	m.shrink(m.max)
}

func (m *cacheModel) sweep() {
	for len(m.idle) > 0 && m.idle[0].age != m.age {
		m.idle = m.idle[1:]
	}
	m.age++
}

// check compares what is mapped with what the platform has mapped.
func (m *cacheModel) check(t *testing.T, d *fakeDomain, c *Cache) {
	t.Helper()
	for k, n := range d.mapped {
		if n != 1 || m.uses[k] == 0 && m.isIdle(k) < 0 {
			t.Fatalf("%v is mapped %d times; model: in use %v, idle %v", k, n, m.uses, m.idle)
		}
	}
	s := c.Stats()
	if len(d.mapped) != m.mapped() || s.Mapped != m.mapped() || s.InUse != len(m.uses) {
		t.Fatalf("%d mapped, %+v; model: in use %v, idle %v", len(d.mapped), s, m.uses, m.idle)
	}
}

// outstanding is a MapEach that wasn't ended.
type outstanding struct {
	refs   []platform.GrantRef
	access platform.Access
	pages  []shm.Memory
	keys   []mapKey
}

// FuzzCache runs the bytes as a program over a cache and its model. References end
// in 16, of which 15 is bad.
func FuzzCache(f *testing.F) {
	f.Add(uint8(4), []byte{0x03, 1, 2, 3, 0x40, 0x82, 1, 1, 0xc0, 0xc0})
	f.Add(uint8(0), []byte{0x05, 1, 2, 3, 1, 15, 0x05, 1, 2, 3, 1, 14, 0x41})
	f.Add(uint8(2), []byte{0x01, 1, 0x40, 0x01, 2, 0x40, 0x01, 3, 0x40, 0xc0, 0x02, 3, 1, 0xc0, 0x40})
	f.Add(uint8(3), []byte{0x23, 1, 2, 3, 0x03, 1, 2, 3, 0x04, 4, 5, 15, 6, 0x40, 0x40})
	f.Fuzz(func(t *testing.T, limit uint8, program []byte) {
		runCacheProgram(t, int(limit%8), program)
	})
}

func runCacheProgram(t *testing.T, limit int, program []byte) {
	d := newFake()
	d.badRefs[15] = true
	c := NewCache(d, 7, limit)
	m := &cacheModel{max: limit, uses: map[mapKey]int{}}
	var calls []outstanding
	for len(program) > 0 {
		op := program[0]
		program = program[1:]
		switch op >> 6 {
		case 0, 2: // map as many as the low bits say; bit 5 is the access
			n := min(int(op&7), len(program))
			o := newCall(program[:n], platform.Access(op>>5&1))
			program = program[n:]
			ok := m.mapEach(o.keys, d.badRefs)
			if err := c.MapEach(o.refs, o.access, o.pages); (err == nil) != ok {
				t.Fatalf("mapping %v: %v, the model succeeds: %v", o.refs, err, ok)
			}
			if ok {
				o.checkPages(t)
				calls = append(calls, o)
			}
		case 1: // unmap
			if len(calls) == 0 {
				continue
			}
			i := int(op&63) % len(calls)
			m.unmapEach(calls[i].keys)
			c.UnmapEach(calls[i].refs, calls[i].access, calls[i].pages)
			calls = slices.Delete(calls, i, i+1)
		case 3:
			m.sweep()
			c.Sweep()
		}
		m.check(t, d, c)
	}
	c.Close()
	for _, o := range calls {
		o.checkPages(t)
		c.UnmapEach(o.refs, o.access, o.pages)
	}
	d.noLeaks(t)
}

func newCall(refs []byte, access platform.Access) outstanding {
	o := outstanding{access: access, pages: make([]shm.Memory, len(refs))}
	for _, r := range refs {
		ref := platform.GrantRef(r & 15)
		o.refs = append(o.refs, ref)
		o.keys = append(o.keys, mapKey{ref, access})
	}
	return o
}

func (o *outstanding) checkPages(t *testing.T) {
	t.Helper()
	for i, p := range o.pages {
		if p.Load32(0) != uint32(o.refs[i]) {
			t.Fatalf("page %d is that of %d, want %d", i, p.Load32(0), o.refs[i])
		}
	}
}

// TestCacheModel runs long random programs, which short fuzzing doesn't reach.
func TestCacheModel(t *testing.T) {
	for seed := range uint64(200) {
		runCacheProgram(t, int(seed%8), randomBytes(seed, 600))
	}
}
