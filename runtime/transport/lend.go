package transport

import (
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// lend makes the user's buffer reachable for the peer of link: directly where it
// is shared memory (a grant.Buffer of this link), else through pages of the pool,
// which it takes. It is false when the pool hasn't enough pages now. Data is not
// copied yet. The queue's lock is held.
func (t *Txn) lend(link *Link, perPage int) bool {
	t.link, t.segs = link, t.segs[:0]
	t.taken, t.pages, t.extra = t.taken[:0], nil, nil
	link.hold()
	if len(t.user) == 0 {
		return true
	}
	if refs, off, ok := link.Buffers.Find(t.user); ok && off%perPageUnit(perPage) == 0 && len(refs) <= min(t.most, link.MaxSegments) {
		t.addShared(refs, off)
		if t.reserve(link, 0) {
			return true
		}
	} else if t.reserve(link, pagesOf(len(t.user))) {
		t.addBounced()
		return true
	}
	link.drop()
	t.link = nil
	return false
}

// perPageUnit is the alignment in bytes that a segment must have.
func perPageUnit(unit int) int { return max(unit, 1) }

// reserve takes pages for data and for the lists of segments, all or nothing.
func (t *Txn) reserve(link *Link, data int) bool {
	segs := max(data, len(t.segs))
	lists := t.q.listPages(segs)
	all := t.taken[:data+lists]
	if !link.Pool.Take(len(all), all) {
		return false
	}
	t.taken, t.pages, t.extra = all, all[:data], all[data:]
	return true
}

// addShared describes a buffer in shared memory that begins off bytes into the
// first page of refs.
func (t *Txn) addShared(refs []platform.GrantRef, off int) {
	left := len(t.user)
	for i := 0; left > 0; i++ {
		n := min(left, shm.PageSize-off)
		t.segs = append(t.segs, Segment{refs[i], uint32(off), uint32(n)})
		left, off = left-n, 0
	}
}

// addBounced describes the pages that stand for the user's buffer.
func (t *Txn) addBounced() {
	left := len(t.user)
	for _, p := range t.pages {
		n := min(left, shm.PageSize)
		t.segs = append(t.segs, Segment{t.link.Pool.Ref(p), 0, uint32(n)})
		left -= n
	}
}

// send copies data for the back end into the bounce pages.
func (t *Txn) send() {
	if t.dir != In {
		return
	}
	rest := t.user
	for _, p := range t.pages {
		n := min(len(rest), shm.PageSize)
		t.link.Pool.Page(p).CopyIn(0, rest[:n])
		rest = rest[n:]
	}
}

// receive copies data from the back end out of the bounce pages.
func (t *Txn) receive() {
	if t.dir != Out {
		return
	}
	rest := t.user
	for _, p := range t.pages {
		n := min(len(rest), shm.PageSize)
		t.link.Pool.Page(p).CopyOut(rest[:n], 0)
		rest = rest[n:]
	}
}

// unlend gives pages back. The queue's lock is held.
func (t *Txn) unlend() {
	if t.link == nil {
		return
	}
	if len(t.taken) > 0 {
		t.link.Pool.Give(t.taken)
	}
	t.link.drop()
	t.link, t.taken, t.pages, t.extra = nil, t.taken[:0], nil, nil
}
