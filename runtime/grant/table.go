package grant

import (
	"math/bits"
	"math/rand/v2"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// none is no entry. The entry of that number heads the list of idle entries.
const none int32 = 0

// entry is one mapping. It is in its bucket's chain, and while it has no user in
// the list of idle ones too.
type entry struct {
	page       shm.Memory
	ref        platform.GrantRef
	access     platform.Access
	uses       uint32 // MapEach that weren't ended
	age        uint32 // the table's, when it became idle
	chain      int32  // next of the bucket, or next of the spare entries
	prev, next int32  // in the list of idle entries
}

// table holds mappings by reference and access, and lists the idle ones by when
// they became idle. It is a hash table of its own, not a map, because it is made
// at its full size and then reuses entries without ever allocating; only more
// mappings in use at once than it was made for let it grow.
//
//	entries[none] --next--> idle the longest --next--> ... --next--> idle since just now --next--> entries[none]
type table struct {
	entries []entry
	buckets []int32 // a power of two of them
	shift   int     // of a hash, to a bucket
	factor  uint64  // odd, secret: see bucket
	spare   int32
	len     int
	age     uint32 // counted up by Sweep
}

func newTable(size int) table {
	b := bits.Len(uint(size)|15) + 1 // at least two buckets an entry
	return table{
		entries: make([]entry, 1, size+1),
		buckets: make([]int32, 1<<b),
		shift:   64 - b,
		factor:  rand.Uint64() | 1,
	}
}

// bucket hashes by multiplication with a secret number, so that a peer, which
// chooses the references, can't make them all collide.
func (t *table) bucket(ref platform.GrantRef, access platform.Access) *int32 {
	key := uint64(ref)<<8 | uint64(access)
	return &t.buckets[key*t.factor>>t.shift]
}

// find returns the entry of a mapping, or none.
func (t *table) find(ref platform.GrantRef, access platform.Access) int32 {
	e := *t.bucket(ref, access)
	for e != none && (t.entries[e].ref != ref || t.entries[e].access != access) {
		e = t.entries[e].chain
	}
	return e
}

// add enters a new mapping, which has one user.
func (t *table) add(ref platform.GrantRef, access platform.Access, page shm.Memory) {
	e := t.spare
	if e != none {
		t.spare = t.entries[e].chain
	} else {
		e = int32(len(t.entries))
		t.entries = append(t.entries, entry{})
	}
	b := t.bucket(ref, access)
	t.entries[e] = entry{page: page, ref: ref, access: access, uses: 1, chain: *b}
	*b = e
	t.len++
}

// use counts one more user of e and returns how many there are.
func (t *table) use(e int32) uint32 {
	ent := &t.entries[e]
	if ent.uses == 0 {
		t.unlist(e)
	}
	ent.uses++
	return ent.uses
}

// release counts one user of e less and returns how many remain.
func (t *table) release(e int32) uint32 {
	ent := &t.entries[e]
	ent.uses--
	if ent.uses == 0 {
		head := &t.entries[none]
		ent.age = t.age
		ent.prev, ent.next = head.prev, none
		t.entries[head.prev].next = e
		head.prev = e
	}
	return ent.uses
}

// oldest returns the entry that has been idle the longest, or none.
func (t *table) oldest() int32 { return t.entries[none].next }

func (t *table) unlist(e int32) {
	ent := &t.entries[e]
	t.entries[ent.prev].next = ent.next
	t.entries[ent.next].prev = ent.prev
}

// remove forgets e, which is idle.
func (t *table) remove(e int32) {
	t.unlist(e)
	ent := &t.entries[e]
	at := t.bucket(ent.ref, ent.access)
	for *at != e {
		at = &t.entries[*at].chain
	}
	*at = ent.chain
	*ent = entry{chain: t.spare}
	t.spare = e
	t.len--
}
