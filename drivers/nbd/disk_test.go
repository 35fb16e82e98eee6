package nbd

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// memDisk is a disk in memory that holds callers to what Disk promises.
type memDisk struct {
	t       testing.TB
	info    Info
	mu      sync.Mutex
	data    []byte
	fail    error // what reads and writes return instead
	flushes atomic.Int32
	allocs  atomic.Int32
	gate    chan struct{} // if not nil, writes wait until it is closed
	entered chan struct{} // if not nil, told of each write that waits
	changes []change      // under way
	odd     int64         // what the disk says its size is, if not 0
}

func newMemDisk(t testing.TB, size, sector int) *memDisk {
	return &memDisk{t: t, data: make([]byte, size),
		info: Info{Size: int64(size), SectorSize: sector, CanFlush: true, CanDiscard: true}}
}

func (d *memDisk) Info() Info {
	info := d.info
	if d.odd > 0 {
		info.Size = d.odd
	}
	return info
}

func (d *memDisk) check(off, n int64) {
	s := int64(d.info.SectorSize)
	if off%s != 0 || n%s != 0 || n <= 0 || off < 0 || off+n > d.info.Size {
		d.t.Errorf("a request for %d bytes at %d reached a disk of %d bytes with sectors of %d", n, off, d.info.Size, s)
	}
}

func (d *memDisk) ReadAt(ctx context.Context, p []byte, off int64) error {
	d.check(off, int64(len(p)))
	d.mu.Lock()
	defer d.mu.Unlock()
	copy(p, d.data[off:])
	return d.fail
}

func (d *memDisk) WriteAt(ctx context.Context, p []byte, off int64) error {
	d.check(off, int64(len(p)))
	if d.info.ReadOnly {
		d.t.Error("a write reached a read-only disk")
		return syscall.EROFS
	}
	c := d.changing(off, int64(len(p)))
	defer d.changed(c)
	if d.gate != nil {
		d.entered <- struct{}{}
		select {
		case <-d.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail == nil {
		copy(d.data[off:], p)
	}
	return d.fail
}

// change is a range that a call changes.
type change struct{ off, n int64 }

// changing fails if somebody else changes the same bytes.
func (d *memDisk) changing(off, n int64) change {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := change{off, n}
	for _, o := range d.changes {
		if o.off < off+n && off < o.off+o.n {
			d.t.Errorf("the disk is asked to change %v while it changes %v", c, o)
		}
	}
	d.changes = append(d.changes, c)
	return c
}

func (d *memDisk) changed(c change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.Index(d.changes, c)
	d.changes = slices.Delete(d.changes, i, i+1)
}

func (d *memDisk) Flush(context.Context) error {
	d.flushes.Add(1)
	return nil
}

func (d *memDisk) Discard(_ context.Context, off, n int64) error {
	d.check(off, n)
	c := d.changing(off, n)
	defer d.changed(c)
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := off; i < off+n; i++ {
		d.data[i] = 0xdd
	}
	return nil
}

func (d *memDisk) Alloc(n int) ([]byte, func(), error) {
	d.allocs.Add(1)
	return make([]byte, n), func() { d.allocs.Add(-1) }, nil
}

// snapshot returns what the disk holds.
func (d *memDisk) snapshot() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.data)
}
