package transport

import (
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

// bounce is private memory that stands for the bulk data of a request. The segments
// lie in it one after the other, so that a driver reads and writes one piece:
//
//	front end's pages:  [ ..seg 0.. ] [seg 1     ] [ ....seg 2 ]
//	bounce:             |seg 0|seg 1     |seg 2|
//
// One call of the platform copies all segments of a direction, and only the bytes
// that they name.
type bounce struct {
	mem    []byte // page-aligned; empty where data is mapped
	pieces []platform.CopyPiece
	owing  bool // data goes Out and wasn't copied yet
	page   [1]platform.CopyPiece
}

// reserve allocates for the largest request that will be copied.
func (b *bounce) reserve(cfg BackConfig) {
	if cfg.Copier == nil {
		return
	}
	b.mem = shm.Alloc(min(cfg.MaxSegments*shm.PageSize, copyMost)).Unstable()
	b.pieces = make([]platform.CopyPiece, 0, cfg.MaxSegments)
}

// fits reports whether data of that size is to be copied.
func (b *bounce) fits(size int) bool { return size > 0 && size <= len(b.mem) }

// begin lets the bounce memory stand for r's segments, and fetches them if they come
// In. What goes Out starts as zeros, so that a handler that writes less doesn't show
// the front end another request's data.
func (b *bounce) begin(r *Request, dir Direction) error {
	at := 0
	b.pieces = b.pieces[:0]
	for _, s := range r.segs {
		n := int(s.Length)
		if n > 0 {
			b.pieces = append(b.pieces, platform.CopyPiece{Ref: s.Ref, Offset: s.Offset, Local: b.mem[at : at+n : at+n]})
		}
		at += n
	}
	if dir == Out {
		clear(b.mem[:at])
	} else if err := r.q.cfg.Copier.CopyFrom(r.q.cfg.Peer, b.pieces); err != nil {
		return err
	}
	b.owing = dir == Out
	r.iov = append(r.iov, b.mem[:at:at])
	return nil
}

// deliver copies what goes Out, once.
func (b *bounce) deliver(r *Request) error {
	if !b.owing {
		return nil
	}
	b.owing = false
	return r.q.cfg.Copier.CopyTo(r.q.cfg.Peer, b.pieces)
}

// list fetches the start of a page of segments.
func (b *bounce) list(c platform.Copier, peer platform.DomID, ref platform.GrantRef, to []byte) error {
	b.page[0] = platform.CopyPiece{Ref: ref, Local: to}
	return c.CopyFrom(peer, b.page[:])
}
