package transport

import (
	"slices"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// copyMost is how many bytes of a request are copied rather than mapped. To map
// pages on Xen for one request takes four system calls, work for each page and has
// every CPU forget where they were; to copy takes one call, and time that grows with
// the bytes. Measured in the lab, over the devices of one domain: 1 page 44 us copied
// and 318 us mapped, 32 pages 230 and 542, 256 pages 1475 and 2859. So the limit
// doesn't stand where mapping wins, which it didn't, but where the memory that each
// worker reserves ends: at blkif's largest request, 256 segments.
const copyMost = 1 << 20

// copyBuffer is private memory that stands for the bulk data of a request. The segments
// lie in it one after the other, so that a driver reads and writes one piece:
//
//	front end's pages:  [ ..seg 0.. ] [seg 1     ] [ ....seg 2 ]
//	mem:                |seg 0|seg 1     |seg 2|
//
// One call of the platform copies all segments of a direction. Of data that goes Out
// only what the driver wrote is copied.
type copyBuffer struct {
	mem     []byte // page-aligned; empty where data is mapped
	segs    []Segment
	size    int
	peer    platform.DomID
	with    platform.Copier // nil while data isn't copied
	written []extent        // of data that goes Out: in order, apart from each other
	present bool            // the rest holds what the front end's pages do
	err     error           // of fetching that
	pieces  []platform.CopyPiece
	page    [1]platform.CopyPiece
}

// extent is a run of bytes [lo, hi).
type extent struct{ lo, hi int }

// reserve allocates for the largest request that will be copied.
func (c *copyBuffer) reserve(cfg BackConfig) {
	if cfg.Copier == nil {
		return
	}
	c.mem = shm.Alloc(min(cfg.MaxSegments*shm.PageSize, copyMost)).Unstable()
	c.pieces = make([]platform.CopyPiece, 0, cfg.MaxSegments)
	c.written = make([]extent, 0, 8)
}

// fits reports whether data of that size is to be copied.
func (c *copyBuffer) fits(size int) bool { return size > 0 && size <= len(c.mem) }

// begin lets the memory stand for r's segments, and fetches them if they come In.
func (c *copyBuffer) begin(r *Request, dir Direction) error {
	c.segs, c.size, c.peer, c.with = r.segs, r.bulk.size, r.q.cfg.Peer, r.q.cfg.Copier
	c.written, c.present, c.err = c.written[:0], false, nil
	if dir == In {
		c.fetch()
		if c.err != nil {
			c.with = nil
			return c.err
		}
	}
	r.iov = append(r.iov, c.mem[:c.size:c.size])
	return nil
}

// fetch copies what wasn't written yet from the front end's pages, once.
func (c *copyBuffer) fetch() {
	if c.present {
		return
	}
	c.present, c.pieces = true, c.pieces[:0]
	at := 0
	for _, e := range c.written {
		c.describe(extent{at, e.lo})
		at = e.hi
	}
	c.describe(extent{at, c.size})
	c.err = c.with.CopyFrom(c.peer, c.pieces)
}

// wrote notes that the driver wrote [lo, hi).
func (c *copyBuffer) wrote(lo, hi int) {
	if c.with == nil || lo >= hi {
		return
	}
	first, _ := slices.BinarySearchFunc(c.written, lo, func(e extent, lo int) int { return e.hi - lo })
	end := first
	for ; end < len(c.written) && c.written[end].lo <= hi; end++ {
		lo, hi = min(lo, c.written[end].lo), max(hi, c.written[end].hi)
	}
	c.written = slices.Replace(c.written, first, end, extent{lo, hi})
}

// describe adds the pieces of segments that e lies in.
func (c *copyBuffer) describe(e extent) {
	at := 0
	for _, s := range c.segs {
		lo, hi := max(e.lo, at), min(e.hi, at+int(s.Length))
		if lo < hi {
			c.pieces = append(c.pieces, platform.CopyPiece{Ref: s.Ref, Offset: s.Offset + uint32(lo-at), Local: c.mem[lo:hi:hi]})
		}
		if at += int(s.Length); at >= e.hi {
			return
		}
	}
}

// deliver copies what was written to the front end, once.
func (c *copyBuffer) deliver() error {
	if c.with == nil || len(c.written) == 0 {
		return c.err
	}
	c.pieces = c.pieces[:0]
	for _, e := range c.written {
		c.describe(e)
	}
	c.written = c.written[:0]
	if c.err == nil {
		c.err = c.with.CopyTo(c.peer, c.pieces)
	}
	return c.err
}

// end forgets the request.
func (c *copyBuffer) end() { c.with, c.segs, c.err = nil, nil, nil }

// list fetches the start of a page of segments.
func (c *copyBuffer) list(with platform.Copier, peer platform.DomID, ref platform.GrantRef, to []byte) error {
	c.page[0] = platform.CopyPiece{Ref: ref, Local: to}
	return with.CopyFrom(peer, c.page[:])
}
