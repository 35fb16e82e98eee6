package transport

import (
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// lendLocked makes the user's buffer reachable for the peer of link: directly where it
// is shared memory (a grant.Buffer of this link), else through pages of the pool,
// which it takes. It is false when the pool hasn't enough pages now. Data is not
// copied yet.
func (t *Txn) lendLocked(link *Link) bool {
	t.link = link
	if len(t.user) == 0 {
		return true
	}
	if t.shareLocked(link) || t.shared == nil && t.stageLocked(link) {
		return true
	}
	t.unlendLocked()
	return false
}

// shareLocked lends the buffer itself, if it is shared memory.
func (t *Txn) shareLocked(link *Link) bool {
	b, refs, off := link.Buffers.Lend(t.user)
	if b == nil {
		return false
	}
	t.shared = b
	if off%perPageUnit(t.q.cfg.Alignment) != 0 || len(refs) > min(t.most, link.MaxSegments) {
		t.unshareLocked()
		return false
	}
	t.addShared(refs, off)
	return t.reserveLocked(link, 0)
}

// stageLocked takes pages that stand for the user's buffer.
func (t *Txn) stageLocked(link *Link) bool {
	if !t.reserveLocked(link, pagesOf(len(t.user))) {
		return false
	}
	left := len(t.user)
	for _, p := range t.pages {
		n := min(left, shm.PageSize)
		t.segs = append(t.segs, Segment{link.Pool.Ref(p), 0, uint32(n)})
		left -= n
	}
	return true
}

// fitsLocked reports whether the pool can ever have as many pages as the buffer needs.
func (t *Txn) fitsLocked(link *Link) bool {
	if refs, _, ok := link.Buffers.Find(t.user); ok {
		return t.q.listPages(len(refs)) <= link.Pool.Size()
	}
	return t.q.Pages(1, pagesOf(len(t.user))) <= link.Pool.Size()
}

// perPageUnit is the alignment in bytes that a segment must have.
func perPageUnit(unit int) int { return max(unit, 1) }

// reserveLocked takes pages for data and for the lists of segments, all or nothing.
func (t *Txn) reserveLocked(link *Link, data int) bool {
	segs := max(data, len(t.segs))
	all := t.taken[:data+t.q.listPages(segs)]
	if len(all) == 0 {
		return true
	}
	if !link.Pool.Take(len(all), all) {
		return false
	}
	link.users++
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

// send copies the user's buffer into the pages that stand for it. Those of data that
// goes Out begin with what the buffer holds, too, since the peer needn't fill it: what
// it doesn't write then comes back as it was, and not as what an earlier transaction
// left there. So the peer sees what the buffer held, as it does where nothing is copied.
// (Linux's swiotlb does the same for DMA_FROM_DEVICE.)
func (t *Txn) send() {
	rest := t.user
	for _, p := range t.pages {
		n := min(len(rest), shm.PageSize)
		t.link.Pool.Page(p).CopyIn(0, rest[:n])
		rest = rest[n:]
	}
}

// receive copies data from the back end out of the pages that stand for the buffer.
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

// unlendLocked gives pages and buffer back.
func (t *Txn) unlendLocked() {
	if len(t.taken) > 0 {
		t.link.Pool.Give(t.taken)
		t.q.dropLinkLocked(t.link)
		t.taken, t.pages, t.extra = t.taken[:0], nil, nil
	}
	if len(t.segs) > 0 || t.shared != nil {
		t.unshareLocked()
	}
	t.link = nil
}

func (t *Txn) unshareLocked() {
	if t.shared != nil {
		t.q.laterLocked(t.shared.Return())
		t.shared = nil
	}
	t.segs = t.segs[:0]
}

// dropLinkLocked counts one user of the link's pool less; without any it goes.
func (q *Queue) dropLinkLocked(l *Link) {
	if l.users--; l.users == 0 {
		q.laterLocked(l.freed)
	}
}
