//go:build linux

// Package image keeps a raw disk image: a file or block device whose byte N is byte N
// of the disk. It is the storage under a back end, and knows nothing of rings.
package image

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

var (
	// ErrOutside says that a request doesn't lie within the disk.
	ErrOutside = errors.New("request beyond the end of the disk")
	// ErrUnaligned says that a request doesn't begin and end at sectors.
	ErrUnaligned = errors.New("request not in whole sectors")
	// ErrReadOnly says that a read-only disk was to be changed.
	ErrReadOnly = fmt.Errorf("the disk is read-only: %w", unix.EROFS)
	// ErrNoDiscard says that what holds the image can't free parts of it.
	ErrNoDiscard = fmt.Errorf("the image's file system can't punch holes: %w", unix.EOPNOTSUPP)
	// ErrInUse says that another program has the image open for writing.
	ErrInUse = errors.New("the image is in use by another program")
)

// Options say how an image is opened. The zero value means read-write, in sectors of
// 512 bytes, or as large as a block device's are.
type Options struct {
	// ReadOnly refuses every change. Any number of programs may then open a file; of a
	// block device it takes Shared, too.
	ReadOnly bool
	// Shared opens an image that others may be using: nothing is locked and nothing
	// looked for. Who else writes to it must know what that does to the disk's user.
	Shared bool
	// Format is Raw to open what looks like an image of another format as it is. With ""
	// that is refused.
	Format string
	// SectorSize is 512 or 4096 bytes; 0 means the device's own, or 512.
	SectorSize int
	// Direct goes past the page cache (O_DIRECT) wherever what holds the image, and the
	// memory of a request, allow that: what a disk's user caches needs no second copy.
	Direct bool
}

// Image is an open image. Its methods may be called by any number of goroutines at
// once, but not with Close or after it. Requests that overlap in time and place end
// up in any order, as on a real disk.
type Image struct {
	file     *os.File // owns fd
	behind   *os.File // of a loop device, its file; for its lock
	fd       int
	direct   int          // of the same file, opened with O_DIRECT, or -1
	size     atomic.Int64 // in whole sectors
	bytes    atomic.Int64 // of the disk that the file has; less than size if it ends within a sector
	sector   int64
	readOnly bool
	extents  bool
	discard  atomic.Int32 // a discardKind
	noDirect atomic.Bool
}

// Open opens the image at path and claims it: for itself alone, or with other readers
// when read-only. The claim goes when the process does, however it ends. It fails with
// ErrInUse when another program or the kernel has it, under whatever name, with
// ErrFormat when it is plainly no raw image, and explains itself when it is to be
// written to and its size is not a multiple of the sector size.
func Open(path string, opts Options) (*Image, error) {
	flags := os.O_RDWR
	if opts.ReadOnly {
		flags = os.O_RDONLY
	}
	file, err := openAlone(path, flags, opts)
	if err != nil {
		return nil, err
	}
	img := &Image{file: file, fd: int(file.Fd()), direct: -1, readOnly: opts.ReadOnly}
	if err := img.examine(flags, opts); err != nil {
		img.Close()
		return nil, fmt.Errorf("image %s: %w", path, err)
	}
	if opts.Direct {
		img.openDirect(flags)
	}
	return img, nil
}

// Create makes a new, sparse image of size bytes at path. It fails when there is
// something already.
func Create(path string, size int64) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("create an image: %w", err)
	}
	if err := errors.Join(file.Truncate(size), file.Close()); err != nil {
		return fmt.Errorf("create an image of %d bytes: %w", size, errors.Join(err, os.Remove(path)))
	}
	return nil
}

// Size returns the disk's size in bytes, a multiple of SectorSize.
func (i *Image) Size() int64 { return i.size.Load() }

// Bytes returns how many bytes of the disk there are in the file. Of one that is only
// read and ends within a sector that is less than Size, and the rest of the sector is
// zeros.
func (i *Image) Bytes() int64 { return i.bytes.Load() }

// Measure looks whether the file or device has grown or shrunk since, and reports
// whether the disk has: it is as large as the whole sectors are, and has at least one.
// Requests beyond a new end fail from now on.
func (i *Image) Measure() (changed bool, err error) {
	end, err := i.end()
	if err != nil {
		return false, fmt.Errorf("find the image's size: %w", err)
	}
	if end == 0 || end < i.sector && !i.readOnly {
		return false, fmt.Errorf("the image has shrunk to %d bytes; its disk stays at %d", end, i.Size())
	}
	return i.setEnd(end), nil
}

// SectorSize returns the disk's sector size in bytes, 512 or 4096.
func (i *Image) SectorSize() int { return int(i.sector) }

// ReadOnly says whether every change is refused.
func (i *Image) ReadOnly() bool { return i.readOnly }

// Close unlocks and closes the image. What was written but not flushed is the
// kernel's to write, as after any close. It is called once.
func (i *Image) Close() error {
	if i.direct >= 0 {
		unix.Close(i.direct)
	}
	if i.behind != nil {
		i.behind.Close()
	}
	return i.file.Close()
}

// explainOpen says what to do about an image that can't be opened.
func explainOpen(path string, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("image %s doesn't exist; 'truncate -s 1G %s' makes an empty one: %w", path, path, err)
	}
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("image %s can't be opened; if you may only read it, serve it read-only: %w", path, err)
	}
	return fmt.Errorf("open the image: %w", err)
}
