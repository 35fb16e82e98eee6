package transport

import (
	"context"
	"errors"
	"fmt"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// Request is one request that a back end took from its ring. Everything in it is
// private to the back end, so the front end can't change it any more; only
// [Bulk.Unstable] leads to memory that it can. A Request belongs to one worker and
// is used again for the next request.
type Request struct {
	q    *BackQueue
	slot []byte
	rsp  []byte
	size int

	refs  []platform.GrantRef
	segs  []Segment
	pages []shm.Memory
	iov   [][]byte
	bulk  Bulk
	held  platform.Access // how pages are mapped
	maps  int             // pages that are mapped
	copy  copyBuffer      // what stands for the data where it is copied

	orphan bool // our domain has ended

	transaction string // that is served, once the stub has said so
	err         error  // why it failed
	panicked    bool   // its handler has

	listRef  [1]platform.GrantRef
	listPage [1]shm.Memory
	list     []byte
}

func newRequest(q *BackQueue) *Request {
	n := q.cfg.MaxSegments
	r := &Request{
		q:    q,
		slot: make([]byte, q.cfg.Wire.Stride), rsp: make([]byte, q.cfg.Wire.Stride),
		refs: make([]platform.GrantRef, 0, n), segs: make([]Segment, 0, n),
		pages: make([]shm.Memory, n), iov: make([][]byte, 0, n),
		list: make([]byte, q.cfg.ListBytes),
	}
	r.copy.reserve(q.cfg)
	r.bulk.r = r
	return r
}

// Context ends when the connection does.
func (r *Request) Context() context.Context { return r.q.ctx }

// Peer is the domain that sent the request.
func (r *Request) Peer() platform.DomID { return r.q.cfg.Peer }

// ABI is the number of the ABI that the slot is encoded in.
func (r *Request) ABI() int { return r.q.cfg.ABI }

// Slot is the private copy of the whole slot.
func (r *Request) Slot() []byte { return r.slot }

// Respond returns n zeroed bytes to encode the response in. They are zeroed so
// that padding tells the peer nothing (XSA-216).
func (r *Request) Respond(n int) []byte {
	r.size = n
	clear(r.rsp[:n])
	return r.rsp[:n]
}

// Block tells the queue that the handler is about to sleep for long, so that
// another worker should look after the ring meanwhile.
func (r *Request) Block() { r.q.promote() }

// AddSegment adds a part of a page of the peer's to the bulk data. It fails when
// there are too many or when it isn't within a page.
func (r *Request) AddSegment(s Segment) error {
	if len(r.segs) == cap(r.segs) {
		return fmt.Errorf("%w: more than %d segments", ErrProtocol, cap(r.segs))
	}
	if s.Offset >= shm.PageSize || s.Length > shm.PageSize-s.Offset {
		return fmt.Errorf("%w: segment of %d bytes at offset %d leaves its page", ErrProtocol, s.Length, s.Offset)
	}
	r.segs = append(r.segs, s)
	r.refs = append(r.refs, s.Ref)
	r.bulk.size += int(s.Length)
	return nil
}

// List copies the page that ref grants into private memory, n bytes of it at most
// a page, and returns the copy, valid until the next List: a page of segments.
func (r *Request) List(ref platform.GrantRef, n int) ([]byte, error) {
	if c := r.q.cfg.Copier; c != nil {
		if err := r.copy.list(c, r.q.cfg.Peer, ref, r.list[:n]); err != nil {
			return nil, r.unmapped("page of segments", err)
		}
		return r.list[:n], nil
	}
	r.listRef[0] = ref
	m := r.q.cfg.Mapper
	if err := m.MapEach(r.listRef[:], platform.ReadOnly, r.listPage[:]); err != nil {
		return nil, r.unmapped("page of segments", err)
	}
	r.listPage[0].CopyOut(r.list[:n], 0)
	m.UnmapEach(r.listRef[:], platform.ReadOnly, r.listPage[:])
	return r.list[:n], nil
}

// Map maps the bulk data: for writing if it goes Out to the front end, for reading
// only if it comes In. It lasts until the response is sent. Where copying is cheaper,
// private memory stands for the data: what comes In is in it, what is written to go Out
// is copied by [Bulk.Deliver].
func (r *Request) Map(dir Direction) (*Bulk, error) {
	r.bulk.dir = dir
	if r.copy.fits(r.bulk.size) {
		if err := r.copy.begin(r, dir); err != nil {
			return nil, r.unmapped("bulk data", err)
		}
		return &r.bulk, nil
	}
	r.held = platform.ReadOnly
	if dir == Out {
		r.held = platform.ReadWrite
	}
	n := len(r.refs)
	if err := r.q.cfg.Mapper.MapEach(r.refs, r.held, r.pages[:n]); err != nil {
		return nil, r.unmapped("bulk data", err)
	}
	r.maps = n
	for i, s := range r.segs {
		r.iov = append(r.iov, r.pages[i].Unstable()[s.Offset:s.Offset+s.Length])
	}
	return &r.bulk, nil
}

// unmapped notes why a page can't be mapped. If it is because our own domain has
// ended, the request has no answer: the front end keeps it for whoever serves next.
func (r *Request) unmapped(what string, err error) error {
	r.orphan = r.orphan || errors.Is(err, platform.ErrClosed)
	return fmt.Errorf("%s: %w", what, err)
}

// reset unmaps the bulk data. Linux's front ends need that done before the response
// is pushed (xen-blkfront.c: a grant still in use then is an error).
func (r *Request) reset() {
	// Stubs have delivered already; an error of those that don't has no place to go.
	_ = r.copy.deliver()
	r.copy.end()
	if r.maps > 0 {
		r.q.cfg.Mapper.UnmapEach(r.refs, r.held, r.pages[:r.maps])
	}
	clear(r.iov)
	r.maps, r.iov, r.refs, r.segs = 0, r.iov[:0], r.refs[:0], r.segs[:0]
	r.bulk.size = 0
}
