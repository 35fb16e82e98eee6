package nbd

import "context"

// Info describes a disk. Nothing but the size changes while the disk is served; clients
// that come later see the new one.
type Info struct {
	// Size is the disk's size in bytes. Of a disk that is only read it needn't be a
	// multiple of SectorSize: of the last sector, which is given whole, clients then see
	// the beginning.
	Size int64
	// SectorSize is the unit in bytes of offsets and lengths given to the Disk: a
	// power of two, at least 1.
	SectorSize int
	// ReadOnly says that the disk refuses writing.
	ReadOnly bool
	// CanFlush says that Flush makes earlier writes durable. Without it clients aren't
	// offered FLUSH and FUA.
	CanFlush bool
	// CanDiscard says that Discard may free storage.
	CanDiscard bool
	// CanZero says that the disk is a Zeroer at present.
	CanZero bool
	// CanExtents says that the disk is a Mapper at present.
	CanExtents bool
}

// Disk is what is served. Its methods are called by many goroutines at once, with
// offsets and lengths that are multiples of the sector size and lie inside the
// disk. They block until the request is over: as soon as one has returned, others
// may use its memory and change its sectors, so nothing of it may come after.
// ctx doesn't end with the client that asked; it ends when the server does and its
// grace is over. Only then may a method return early.
//
// An error that wraps a syscall.Errno reaches the client as that; others as EIO.
type Disk interface {
	// Info describes the disk. It doesn't block.
	Info() Info
	// ReadAt fills p from the disk at off, whole or with an error.
	ReadAt(ctx context.Context, p []byte, off int64) error
	// WriteAt writes all of p to the disk at off. Concurrent calls that change the
	// disk don't overlap.
	WriteAt(ctx context.Context, p []byte, off int64) error
	// Flush makes every write that has returned durable, whoever asked for it.
	Flush(ctx context.Context) error
	// Discard says that n bytes at off are of no more use. What they read as
	// afterwards is not specified.
	Discard(ctx context.Context, off, n int64) error
}

// Zeroer is what a Disk also implements if it can make a range zeros faster than by
// being sent them. The server asks only while Info says CanZero.
type Zeroer interface {
	// Zero makes n bytes at off read as zeros, and may free their storage. It is one of
	// Disk's methods in what it is given. An error that wraps syscall.EOPNOTSUPP says
	// that it can't, and has done nothing; then zeros are written.
	Zero(ctx context.Context, off, n int64) error
}

// Extent is a run of bytes that are alike.
type Extent struct {
	Len int64
	// Hole says that they take no storage, and Zero that they read as zeros. Neither is
	// said of what the disk knows nothing about.
	Hole, Zero bool
}

// Mapper is what a Disk also implements if it knows what it keeps. The server asks only
// while Info says CanExtents.
type Mapper interface {
	// Extents describes the disk from off, a multiple of the sector size, on. It fills
	// list and returns how many extents it wrote, at least one unless it fails, each a
	// multiple of the sector size long.
	Extents(ctx context.Context, list []Extent, off int64) (int, error)
}

// Allocator is what a Disk also implements if it can transfer some memory without
// copying it. All payload memory of the server then comes from it.
type Allocator interface {
	// Alloc returns n bytes, aligned to the sector size at least, and what gives them
	// back. The server falls back to ordinary memory when it fails.
	Alloc(n int) (p []byte, free func(), err error)
}

// alloc gets n bytes for requests to d.
func alloc(d Disk, n int) ([]byte, func()) {
	if a, ok := d.(Allocator); ok {
		if p, free, err := a.Alloc(n); err == nil {
			return p[:n:n], free
		}
	}
	return make([]byte, n), func() {}
}
