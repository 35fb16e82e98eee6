package nbd

import (
	"context"
	"sync"
)

// pieceSize is how much of a request that doesn't fit the sectors is transferred at
// once, and how many zeros are written at once. It is a multiple of every sector
// size.
const pieceSize = 128 << 10

// aligned lets any byte range of a disk be read and written. What begins and ends at
// sectors goes straight through. The rest goes through memory of our own:
//
//	sectors   |-------|-------|-------|-------|
//	request        [==================)
//	piece     [...............................)   first and last sector are read first
type aligned struct {
	disk  Disk
	info  Info
	mask  int64 // sector size - 1
	locks *rangeLock

	mu    sync.Mutex
	idle  [][]byte // pieces that nobody uses
	frees []func() // gives all pieces and the zeros back
	zeros []byte   // pieceSize zeros, made when first needed
}

func newAligned(d Disk) *aligned {
	info := d.Info()
	return &aligned{disk: d, info: info, mask: int64(info.SectorSize) - 1, locks: newRangeLock()}
}

// close gives the memory back. No call may be in progress.
func (a *aligned) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, free := range a.frees {
		free()
	}
	a.frees, a.idle, a.zeros = nil, nil, nil
}

// fits says whether the request begins and ends at sectors.
func (a *aligned) fits(off int64, n int) bool { return (off|int64(n))&a.mask == 0 }

func (a *aligned) down(off int64) int64 { return off &^ a.mask }
func (a *aligned) up(off int64) int64   { return (off + a.mask) &^ a.mask }

func (a *aligned) readAt(ctx context.Context, p []byte, off int64) error {
	if a.fits(off, len(p)) {
		return a.disk.ReadAt(ctx, p, off)
	}
	piece, err := a.get(ctx)
	if err != nil {
		return err
	}
	defer a.put(piece)
	for len(p) > 0 {
		lo, hi := a.window(off, len(p))
		if err := a.disk.ReadAt(ctx, piece[:hi-lo], lo); err != nil {
			return err
		}
		n := copy(p, piece[off-lo:hi-lo])
		p, off = p[n:], off+int64(n)
	}
	return nil
}

func (a *aligned) writeAt(ctx context.Context, p []byte, off int64) error {
	turn := a.locks.lock(a.down(off), a.up(off+int64(len(p))))
	defer a.locks.unlock(turn)
	if err := ctx.Err(); err != nil {
		return err // the server ended while we waited
	}
	if a.fits(off, len(p)) {
		return a.disk.WriteAt(ctx, p, off)
	}
	piece, err := a.get(ctx)
	if err != nil {
		return err
	}
	defer a.put(piece)
	for len(p) > 0 {
		n, err := a.writePiece(ctx, piece, p, off)
		if err != nil {
			return err
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// writePiece writes as much of p as one piece holds, and returns how much that was.
func (a *aligned) writePiece(ctx context.Context, piece, p []byte, off int64) (int, error) {
	lo, hi := a.window(off, len(p))
	n := min(len(p), int(hi-off))
	sector := a.info.SectorSize
	if off > lo {
		if err := a.disk.ReadAt(ctx, piece[:sector], lo); err != nil {
			return 0, err
		}
	}
	// The last sector is read unless p covers it, or it was the first and read already.
	if end := off + int64(n); end < hi && !(off > lo && hi-lo == int64(sector)) {
		last := int(hi-lo) - sector
		if err := a.disk.ReadAt(ctx, piece[last:last+sector], lo+int64(last)); err != nil {
			return 0, err
		}
	}
	copy(piece[off-lo:], p[:n])
	return n, a.disk.WriteAt(ctx, piece[:hi-lo], lo)
}

// window returns the sectors that hold the first bytes of n at off, at most a piece.
func (a *aligned) window(off int64, n int) (lo, hi int64) {
	lo = a.down(off)
	return lo, min(a.up(off+int64(n)), lo+pieceSize)
}

// discard discards the whole sectors in the range. It is a hint, so the rest may stay.
func (a *aligned) discard(ctx context.Context, off, n int64) error {
	lo, hi := a.up(off), a.down(off+n)
	if lo >= hi {
		return nil
	}
	turn := a.locks.lock(lo, hi)
	defer a.locks.unlock(turn)
	if err := ctx.Err(); err != nil {
		return err
	}
	return a.disk.Discard(ctx, lo, hi-lo)
}

// get returns a piece for one request. It fails when ctx has ended: then the disk may
// still be using a piece whose request it gave up.
func (a *aligned) get(ctx context.Context) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if n := len(a.idle); n > 0 {
		p := a.idle[n-1]
		a.idle = a.idle[:n-1]
		return p, nil
	}
	return a.allocLocked(), nil
}

func (a *aligned) put(p []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.idle = append(a.idle, p)
}

func (a *aligned) zeroes() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.zeros == nil {
		a.zeros = a.allocLocked()
		clear(a.zeros)
	}
	return a.zeros
}

func (a *aligned) allocLocked() []byte {
	p, free := alloc(a.disk, pieceSize)
	a.frees = append(a.frees, free)
	return p
}
