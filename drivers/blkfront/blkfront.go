// Package blkfront makes a disk for an NBD server of a front end of Xen's block device
// protocol. The generated stubs do the work; here units are changed, and what the
// back end says about itself is checked.
package blkfront

import (
	"context"
	"errors"
	"fmt"
	"math"
	"syscall"

	"github.com/xenidc/idc/drivers/nbd"
	"github.com/xenidc/idc/generated/blk"
)

// unit is what the protocol counts positions and lengths in, whatever the disk's
// sector size is (xen/include/public/io/blkif.h, "sector_number").
const unit = 512

// maxSector bounds the sector size that we believe a back end.
const maxSector = 64 << 10

// ErrFailed says that the back end answered a request with an error. Which it was the
// protocol doesn't tell.
var ErrFailed = fmt.Errorf("the back end failed the request: %w", syscall.EIO)

// ErrUnsupported says that the back end doesn't know the request, or not for this disk.
var ErrUnsupported = fmt.Errorf("the back end doesn't support the request: %w", syscall.EOPNOTSUPP)

// Disk is a disk that a front end reaches. While the back end is away, requests wait
// for it, as long as their contexts allow. It implements nbd.Disk and all that a disk
// may be besides.
type Disk struct {
	front *blk.Front
	info  nbd.Info
}

var (
	_ nbd.Disk      = (*Disk)(nil)
	_ nbd.Allocator = (*Disk)(nil)
	_ nbd.Zeroer    = (*Disk)(nil)
	_ nbd.Mapper    = (*Disk)(nil)
)

// New makes a disk of front, which must have been connected and stays the caller's to
// close. It fails when the back end describes a disk that can't be.
func New(front *blk.Front) (*Disk, error) {
	info, err := describe(front.Back())
	if err != nil {
		return nil, fmt.Errorf("the back end describes an impossible disk: %w", err)
	}
	return &Disk{front: front, info: info}, nil
}

// describe checks what a back end published. It may be anything.
func describe(keys blk.BackKeys) (nbd.Info, error) {
	sector, sectors := keys.SectorSize, uint64(keys.Sectors)
	switch {
	case sector < unit || sector > maxSector || sector&(sector-1) != 0:
		return nbd.Info{}, fmt.Errorf("sectors of %d bytes", sector)
	case sectors == 0 || sectors > math.MaxInt64/unit:
		return nbd.Info{}, fmt.Errorf("a size of %d times 512 bytes", sectors)
	case sectors*unit%uint64(sector) != 0:
		return nbd.Info{}, fmt.Errorf("a size of %d times 512 bytes with sectors of %d", sectors, sector)
	}
	readOnly := keys.Info&(blk.DiskInfoReadonly|blk.DiskInfoCdrom) != 0
	size := int64(sectors) * unit
	if n := keys.XenidcBytes; readOnly && n < uint64(size) && n > uint64(size)-uint64(sector) {
		size = int64(n)
	}
	discard := keys.FeatureDiscard && !readOnly
	return nbd.Info{
		Size: size, SectorSize: int(sector), ReadOnly: readOnly,
		CanZero: discard && keys.XenidcDiscardZeroes, CanExtents: keys.FeatureXenidcExtents,
		CanFlush: keys.FeatureFlushCache || keys.FeatureBarrier, CanDiscard: discard,
	}, nil
}

// Info describes the disk as the back end of now does, another than of before perhaps, but
// for its sector size, which users rely on.
func (d *Disk) Info() nbd.Info {
	now, err := describe(d.front.Back())
	return renewed(d.info, now, err == nil)
}

// renewed is what is said of a disk, of which info was said before, and now makes sense or
// doesn't.
func renewed(info, now nbd.Info, sane bool) nbd.Info {
	if !sane {
		info.CanZero, info.CanExtents = false, false
		return info
	}
	if now.Size%int64(info.SectorSize) != 0 && !(now.SectorSize == info.SectorSize && now.ReadOnly) {
		now.Size = info.Size
	}
	now.SectorSize = info.SectorSize
	return now
}

// ReadAt fills p from the disk. Nothing is copied if p is of Alloc.
func (d *Disk) ReadAt(ctx context.Context, p []byte, off int64) error {
	status, err := d.front.Read(ctx, blk.Sectors(off/unit), p)
	return outcome(status, err)
}

// WriteAt writes p to the disk. Nothing is copied if p is of Alloc.
func (d *Disk) WriteAt(ctx context.Context, p []byte, off int64) error {
	status, err := d.front.Write(ctx, blk.Sectors(off/unit), p)
	return outcome(status, err)
}

// Flush makes the completed writes durable. Where the back end knows no flush, an empty
// barrier is one, as for Linux's front end (drivers/block/xen-blkfront.c,
// blkif_queue_rw_req).
func (d *Disk) Flush(ctx context.Context) error {
	status, err := d.front.Flush(ctx)
	if err == nil && status == blk.StatusEopnotsupp {
		status, err = d.front.WriteBarrier(ctx, 0, nil)
	}
	return outcome(status, err)
}

// Discard frees storage. That the back end can't after all is no error, as the client
// was told that it may try.
func (d *Disk) Discard(ctx context.Context, off, n int64) error {
	status, err := d.front.Discard(ctx, blk.Sectors(off/unit), blk.Sectors(n/unit), 0)
	err = outcome(status, err)
	if errors.Is(err, ErrUnsupported) {
		return nil
	}
	return err
}

// Alloc returns memory that is shared with the back end. It fails while there is none.
func (d *Disk) Alloc(n int) ([]byte, func(), error) {
	buf, err := d.front.Alloc(n)
	if err != nil {
		return nil, nil, err
	}
	return buf.Bytes(), buf.Free, nil
}

// outcome makes one error of how a request ended: err is the transport's.
func outcome(status blk.Status, err error) error {
	switch {
	case err != nil:
		return err
	case status == blk.StatusOkay:
		return nil
	case status == blk.StatusEopnotsupp:
		return ErrUnsupported
	}
	return ErrFailed
}
