//go:build linux

package image

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// How an image frees what it holds.
type discardKind int32

const (
	// discardZeroes punches holes: of a file (fallocate(2), FALLOC_FL_PUNCH_HOLE), or of
	// a device that can make ranges zeros by itself (block/fops.c, blkdev_fallocate).
	discardZeroes discardKind = iota
	// discardOnly tells the device that the data isn't needed. What is read afterwards
	// nobody promises.
	discardOnly
	discardNot
)

const (
	modePunch   = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
	modeDiscard = modePunch | unix.FALLOC_FL_NO_HIDE_STALE
)

// probeDiscard finds out what can be freed. Of a file it does so by punching a hole
// behind the end, where nothing is; a device's abilities the kernel tells.
func (i *Image) probeDiscard(st os.FileInfo) {
	kind := discardNot
	switch {
	case i.readOnly:
	case isDevice(st) && queueLimit(st, "write_zeroes_max_bytes") > 0:
		kind = discardZeroes
	case isDevice(st) && queueLimit(st, "discard_max_bytes") > 0:
		kind = discardOnly
	case !isDevice(st) && !errors.Is(i.free(modePunch, i.Size(), 4096), unix.EOPNOTSUPP):
		kind = discardZeroes
	}
	i.discard.Store(int32(kind))
}

func (i *Image) discardKind() discardKind { return discardKind(i.discard.Load()) }

// CanDiscard says whether Discard frees storage, as far as is known yet.
func (i *Image) CanDiscard() bool { return i.discardKind() != discardNot }

// DiscardZeroes says whether what Discard has freed reads as zeros, as far as is known
// yet: a Discard that can't keep that fails.
func (i *Image) DiscardZeroes() bool { return i.discardKind() == discardZeroes }

// Discard frees the storage of n bytes at off. It fails with ErrNoDiscard where that
// can't be done.
func (i *Image) Discard(off, n int64) error {
	if i.readOnly {
		return ErrReadOnly
	}
	if err := i.check(off, n); err != nil || n == 0 {
		return err
	}
	mode := uint32(modePunch)
	switch i.discardKind() {
	case discardNot:
		return ErrNoDiscard
	case discardOnly:
		mode = modeDiscard
	}
	err := i.free(mode, off, n)
	if errors.Is(err, unix.EOPNOTSUPP) {
		i.discard.Store(int32(discardNot))
		return ErrNoDiscard
	}
	if err != nil {
		return fmt.Errorf("discard %d bytes at %d: %w", n, off, err)
	}
	return nil
}

// free is fallocate(2).
func (i *Image) free(mode uint32, off, n int64) error {
	for {
		if err := unix.Fallocate(i.fd, mode, off, n); err != unix.EINTR {
			return err
		}
	}
}

// Extent is a run of bytes that are all kept, or all not.
type Extent struct {
	Len int64
	// Hole says that the bytes take no storage, and read as zeros.
	Hole bool
}

// CanExtents says whether Extents knows holes: of files, where a device tells nothing.
func (i *Image) CanExtents() bool { return i.extents }

func (i *Image) probeExtents(st os.FileInfo) {
	_, err := unix.Seek(i.fd, 0, unix.SEEK_HOLE)
	i.extents = err == nil && !isDevice(st)
}

// Extents fills list with what the image holds from off on, neighbours merged, in whole
// sectors: a sector that is kept in part is kept. It returns how many extents those
// are; together they end at the disk's end, or where list does. An image that is
// written to meanwhile may have become another. It allocates nothing.
func (i *Image) Extents(list []Extent, off int64) (int, error) {
	if err := i.check(off, 0); err != nil || off == i.Size() || len(list) == 0 {
		return 0, err
	}
	n := 0
	if now, err := i.end(); err != nil || now < i.Bytes() {
		list[0] = Extent{Len: i.Size() - off} // it was made shorter: reads say so
		return 1, nil
	}
	for end := i.Size(); off < end && n < len(list); n++ {
		e, err := i.extent(off, end)
		if err != nil {
			return n, fmt.Errorf("look for holes at %d: %w", off, err)
		}
		list[n] = e
		off += e.Len
	}
	return n, nil
}

// extent describes the extent at off, which is a sector's. It ends at end or before.
func (i *Image) extent(off, end int64) (Extent, error) {
	data, err := i.seek(off, unix.SEEK_DATA, end)
	if err != nil {
		return Extent{}, err
	}
	if data = min(data, end); i.down(data) > off {
		return Extent{Len: i.down(data) - off, Hole: true}, nil
	}
	for {
		hole, err := i.seek(data, unix.SEEK_HOLE, end)
		if err != nil {
			return Extent{}, err
		}
		at := min(i.up(hole), end)
		if at == end {
			return Extent{Len: end - off}, nil
		}
		if data, err = i.seek(at, unix.SEEK_DATA, end); err != nil {
			return Extent{}, err
		}
		if i.down(data) > at { // else the hole fills no sector
			return Extent{Len: at - off}, nil
		}
	}
}

// seek is lseek(2) for data and holes; end where there is none any more, as behind the
// end of a file that has shrunk. Nothing else depends on the file's position.
func (i *Image) seek(off int64, whence int, end int64) (int64, error) {
	at, err := unix.Seek(i.fd, off, whence)
	if errors.Is(err, unix.ENXIO) {
		return end, nil
	}
	return max(at, off), err
}

func (i *Image) down(off int64) int64 { return off &^ (i.sector - 1) }

func (i *Image) up(off int64) int64 {
	if off > math.MaxInt64-i.sector {
		return math.MaxInt64
	}
	return (off + i.sector - 1) &^ (i.sector - 1)
}

// end is where the file or device ends now.
func (i *Image) end() (int64, error) { return i.file.Seek(0, io.SeekEnd) } // of a block device too
