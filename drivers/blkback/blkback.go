//go:build linux

// Package blkback serves a disk image to front ends of Xen's block device protocol:
// it is the glue between the generated stubs, which know the protocol, and package
// image, which knows the storage.
//
// The stubs hand over requests as private copies, decoded and with their segments
// checked against the protocol. What is left to check is what only the disk knows: its
// size, its sectors, and whether it may be written. The image does that, for every
// request and without trusting any number. A refused request is answered with an
// error and costs nothing else.
package blkback

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"

	"github.com/xenidc/idc/drivers/image"
	"github.com/xenidc/idc/generated/blk"
	"github.com/xenidc/idc/runtime/idc"
)

// unit is what the protocol counts positions and lengths in, whatever the disk's
// sector size is (xen/include/public/io/blkif.h, "sector_number").
const unit = 512

// maxIndirectSegments is how many segments of a page at most an indirect request may
// have, as with Linux's back end (drivers/block/xen-blkback/common.h,
// MAX_INDIRECT_SEGMENTS).
const maxIndirectSegments = 256

// Back implements blk.Back on an image. Its methods may be called by any number of
// goroutines at once, for any number of front ends.
type Back struct {
	img *image.Image
	log *slog.Logger
	// order is held for writing by a barrier, and for reading by everything that
	// changes the disk, so that a barrier has the disk to itself.
	order sync.RWMutex
}

var (
	_ blk.Back        = (*Back)(nil)
	_ blk.ExtentsBack = (*Back)(nil)
)

// New makes a back end of img, which stays the caller's to close, after the service
// has ended. Requests that fail are told to log.
func New(img *image.Image, log *slog.Logger) *Back { return &Back{img: img, log: log} }

// Keys is what the disk publishes in the store.
func (b *Back) Keys() blk.BackKeys {
	sector := uint32(b.img.SectorSize())
	granularity, alignment := b.img.Granularity()
	keys := blk.BackKeys{
		Sectors:                    blk.Sectors(b.img.Size() / unit),
		SectorSize:                 sector,
		PhysicalSectorSize:         max(sector, 4096),
		FeatureMaxIndirectSegments: maxIndirectSegments,
		FeatureFlushCache:          true,
		FeatureBarrier:             true,
		FeatureDiscard:             b.img.CanDiscard(),
		DiscardGranularity:         max(sector, granularity),
		DiscardAlignment:           alignment,
		XenidcDiscardZeroes:        b.img.DiscardZeroes(),
		FeatureXenidcExtents:       b.img.CanExtents(),
	}
	if n := b.img.Bytes(); n != b.img.Size() {
		keys.XenidcBytes = uint64(n)
	}
	if b.img.ReadOnly() {
		keys.Info |= blk.DiskInfoReadonly
	}
	return keys
}

// Read fills the front end's pages straight from the image.
func (b *Back) Read(_ context.Context, req blk.ReadRequest, data *idc.Bulk) blk.Status {
	off, ok := position(req.SectorNumber)
	if !ok {
		return b.status("read", image.ErrOutside)
	}
	_, err := data.Fill(func(pages [][]byte) (int, error) {
		if err := b.img.ReadAt(pages, off); err != nil {
			return 0, err
		}
		return data.Len(), nil
	})
	return b.status("read", err)
}

// Write writes the front end's pages straight to the image. If the front end changes
// them meanwhile, that is what its disk holds then.
func (b *Back) Write(_ context.Context, req blk.WriteRequest, data *idc.Bulk) blk.Status {
	off, ok := position(req.SectorNumber)
	if !ok {
		return b.status("write", image.ErrOutside)
	}
	b.order.RLock()
	defer b.order.RUnlock()
	return b.status("write", b.img.WriteAt(data.Unstable(), off))
}

// WriteBarrier waits for the changes under way, makes everything durable, writes, and
// makes that durable, while changes that come later wait. Without data it is a flush.
func (b *Back) WriteBarrier(_ context.Context, req blk.WriteBarrierRequest, data *idc.Bulk) blk.Status {
	off, ok := position(req.SectorNumber)
	if !ok && data.Len() > 0 { // without data, front ends put anything there
		return b.status("barrier", image.ErrOutside)
	}
	b.order.Lock()
	defer b.order.Unlock()
	err := b.img.Flush()
	if err == nil && data.Len() > 0 {
		err = b.img.WriteAt(data.Unstable(), off)
		if err == nil {
			err = b.img.Flush()
		}
	}
	return b.status("barrier", err)
}

// Flush makes every write that was answered durable.
func (b *Back) Flush(context.Context, blk.FlushRequest) blk.Status {
	return b.status("flush", b.img.Flush())
}

// Discard frees storage. Where the image says that it makes zeros of it, it has when it
// succeeds.
func (b *Back) Discard(_ context.Context, req blk.DiscardRequest) blk.Status {
	off, ok1 := position(req.SectorNumber)
	n, ok2 := position(req.NrSectors)
	if !ok1 || !ok2 {
		return b.status("discard", image.ErrOutside)
	}
	b.order.RLock()
	defer b.order.RUnlock()
	return b.status("discard", b.img.Discard(off, n))
}

// position turns a number of sectors into bytes. It is false when that doesn't fit,
// and so lies beyond every disk.
func position(s blk.Sectors) (int64, bool) {
	return int64(s) * unit, uint64(s) <= math.MaxInt64/unit
}

// status is the answer to a request that ended with err.
func (b *Back) status(what string, err error) blk.Status {
	switch {
	case err == nil:
		return blk.StatusOkay
	case errors.Is(err, image.ErrNoDiscard):
		return blk.StatusEopnotsupp
	case errors.Is(err, image.ErrOutside), errors.Is(err, image.ErrUnaligned), errors.Is(err, image.ErrReadOnly):
		b.log.Debug("refused", "request", what, "err", err) // a front end may ask for it all day
	default:
		b.log.Warn("failed", "request", what, "err", err)
	}
	return blk.StatusError
}
