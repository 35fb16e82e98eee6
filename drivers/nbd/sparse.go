package nbd

import (
	"context"
	"errors"
	"fmt"
	"syscall"
)

// zeroing is how zeros are wanted.
type zeroing struct {
	mayFree bool            // the storage needn't stay
	fast    bool            // or not at all
	wanted  context.Context // ends when nobody waits for them: no further piece is begun
}

// errNotFast says that zeros would have to be written, and the client doesn't want that.
var errNotFast = fmt.Errorf("zeros would have to be written: %w", syscall.EOPNOTSUPP)

// writeZeroes makes n bytes at off read as zeros. Where the disk can do so by itself it
// is asked to, for the whole sectors; the rest is written, and everything where the disk
// can't: a discarded sector of a block device may read as anything.
func (a *aligned) writeZeroes(ctx context.Context, off, n int64, how zeroing) error {
	lo, hi := a.up(off), a.down(off+n)
	if lo >= hi { // a few bytes
		return a.fillZeroes(ctx, off, n, how)
	}
	err := error(errNotFast)
	if how.mayFree {
		err = a.zero(ctx, lo, hi-lo)
	}
	if !errors.Is(err, syscall.EOPNOTSUPP) {
		if err == nil {
			err = a.fillZeroes(ctx, off, lo-off, how)
		}
		if err == nil {
			err = a.fillZeroes(ctx, hi, off+n-hi, how)
		}
		return err
	}
	if how.fast {
		return errNotFast
	}
	return a.fillZeroes(ctx, off, n, how)
}

// zero has the disk make zeros of whole sectors.
func (a *aligned) zero(ctx context.Context, off, n int64) error {
	z, ok := a.disk.(Zeroer)
	if !ok || !a.disk.Info().CanZero {
		return errNotFast
	}
	turn := a.locks.lock(off, off+n)
	defer a.locks.unlock(turn)
	if err := ctx.Err(); err != nil {
		return err
	}
	return z.Zero(ctx, off, n)
}

// fillZeroes writes zeros.
func (a *aligned) fillZeroes(ctx context.Context, off, n int64, how zeroing) error {
	if n == 0 {
		return nil
	}
	zeros := a.zeroes()
	for n > 0 {
		if err := how.wanted.Err(); err != nil {
			return err
		}
		// Up to the next piece boundary, so that all but the ends fit the sectors.
		k := min(n, pieceSize-off%pieceSize)
		if err := a.writeAt(ctx, zeros[:k], off); err != nil {
			return err
		}
		off, n = off+k, n-k
	}
	return nil
}

// extents describes n bytes at off, from the first on, as far as list goes. What the disk
// knows nothing about is data. The disk's answer may come from a peer: whatever it is,
// what is told lies within n bytes, and is at least one extent.
func (a *aligned) extents(ctx context.Context, list []Extent, off, n int64) (int, error) {
	m, ok := a.disk.(Mapper)
	if !ok || !a.disk.Info().CanExtents {
		list[0] = Extent{Len: n}
		return 1, nil
	}
	before := off - a.down(off)
	got, err := m.Extents(ctx, list, off-before)
	if err != nil && !errors.Is(err, syscall.EOPNOTSUPP) {
		return 0, err
	}
	if err != nil || got < 1 || list[0].Len <= before {
		list[0], got = Extent{Len: n + before}, 1
	}
	list[0].Len -= before
	left := n
	for i := range list[:got] {
		if list[i].Len <= 0 {
			return i, nil
		}
		list[i].Len = min(list[i].Len, left)
		if left -= list[i].Len; left == 0 {
			return i + 1, nil
		}
	}
	return got, nil
}
