package transport

// Bulk is the bulk data of a request: bytes in the front end's memory. It is valid
// until the handler returns.
//
// Threat model: the front end can change the bytes at any time. What a back end
// checks, it must check in a copy that it made with CopyTo.
type Bulk struct {
	r    *Request
	dir  Direction
	size int
}

// Len is the size in bytes.
func (b *Bulk) Len() int { return b.size }

// Unstable returns the pieces of the front end's memory, in order. The front end
// can change them while they are read, and sees what is written at once: they are
// for system calls such as preadv. Data that comes In must not be written to. On a
// platform where copying is cheaper than mapping they are private memory instead, in
// fewer pieces.
func (b *Bulk) Unstable() [][]byte { return b.r.iov }

// Deliver makes sure that what was written to the data has reached the front end. It
// fails if the front end took a page back or never granted it for writing. The stubs
// call it after the handler; a second call does nothing.
func (b *Bulk) Deliver() error { return b.r.copy.deliver(b.r) }

// CopyTo copies data from offset off on into p and returns how much there was.
func (b *Bulk) CopyTo(p []byte, off int) (n int) {
	for _, piece := range b.r.iov {
		if off >= len(piece) {
			off -= len(piece)
			continue
		}
		n += copy(p[n:], piece[off:])
		off = 0
		if n == len(p) {
			break
		}
	}
	return n
}

// CopyFrom copies p to the data at offset off and returns how much fitted. It
// copies nothing when the data isn't the back end's to write.
func (b *Bulk) CopyFrom(off int, p []byte) (n int) {
	if b.dir != Out {
		return 0
	}
	for _, piece := range b.r.iov {
		if off >= len(piece) {
			off -= len(piece)
			continue
		}
		n += copy(piece[off:], p[n:])
		off = 0
		if n == len(p) {
			break
		}
	}
	return n
}
