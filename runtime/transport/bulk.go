package transport

import (
	"errors"
	"fmt"
	"io"
)

// Bulk is the bulk data of a request: bytes in the front end's memory. It is valid
// until the handler returns.
//
// What a handler doesn't write of data that goes Out, the front end's caller keeps as it
// was. Everything that it does write arrives, also if it then returns an error.
//
// Threat model: the front end can change the bytes at any time. What a back end
// checks, it must check in a copy that it made with CopyTo or ReadAt.
type Bulk struct {
	r    *Request
	dir  Direction
	size int
}

var (
	_ io.ReaderAt = (*Bulk)(nil)
	_ io.WriterAt = (*Bulk)(nil)
)

// ErrDirection says that data which comes from the front end isn't the back end's to
// write.
var ErrDirection = errors.New("the data isn't the back end's to write")

// Len is the size in bytes.
func (b *Bulk) Len() int { return b.size }

// ReadAt copies data from offset off on into p, as io.ReaderAt says. It returns io.EOF
// if there isn't as much.
func (b *Bulk) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("read bulk data at offset %d", off)
	}
	if n = b.CopyTo(p, int(min(off, int64(b.size)))); n < len(p) {
		err = io.EOF
	}
	return n, err
}

// WriteAt copies p to the data at offset off, as io.WriterAt says. It fails with
// io.ErrShortWrite if not all of it fits, and with ErrDirection if the data comes In.
func (b *Bulk) WriteAt(p []byte, off int64) (n int, err error) {
	switch {
	case b.dir != Out:
		return 0, ErrDirection
	case off < 0:
		return 0, fmt.Errorf("write bulk data at offset %d", off)
	}
	if n = b.CopyFrom(p, int(min(off, int64(b.size)))); n < len(p) {
		err = io.ErrShortWrite
	}
	return n, err
}

// CopyTo copies data from offset off on into p and returns how much there was.
func (b *Bulk) CopyTo(p []byte, off int) (n int) {
	if b.dir == Out && b.r.copy.with != nil {
		b.r.copy.fetch()
	}
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
func (b *Bulk) CopyFrom(p []byte, off int) (n int) {
	if b.dir != Out {
		return 0
	}
	at := off
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
	b.r.copy.wrote(at, at+n)
	return n
}

// Fill lets read fill the data, as preadv does, and returns what it returns: how many
// bytes from the start on it wrote. It is what Unstable is for data that goes Out, but
// costs less where private memory stands for the data. read must not write beyond what
// it counts. It isn't called when the data isn't the back end's to write.
func (b *Bulk) Fill(read func(pieces [][]byte) (int, error)) (int, error) {
	if b.dir != Out {
		return 0, ErrDirection
	}
	n, err := read(b.r.iov)
	b.r.copy.wrote(0, min(n, b.size))
	return n, err
}

// Unstable returns the pieces of the front end's memory, in order. The front end
// can change them while they are read, and sees what is written at once: they are
// for system calls such as preadv. Data that comes In must not be written to. On a
// platform where copying is cheaper than mapping they are private memory instead, in
// fewer pieces; of data that goes Out they hold what the front end's memory does, and
// all of it is copied back, so that what isn't written stays as it was.
func (b *Bulk) Unstable() [][]byte {
	if c := &b.r.copy; b.dir == Out && c.with != nil {
		c.fetch()
		c.wrote(0, b.size)
	}
	return b.r.iov
}

// Deliver makes sure that what was written to the data has reached the front end. It
// fails if the front end took a page back or never granted it for writing. The stubs
// call it after the handler; a second call does nothing more.
func (b *Bulk) Deliver() error { return b.r.copy.deliver() }
