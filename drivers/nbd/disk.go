package nbd

import "context"

// Info describes a disk. Nothing but the size changes while the disk is served; clients
// that come later see the new one.
type Info struct {
	// Size is the disk's size in bytes, a multiple of SectorSize.
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
