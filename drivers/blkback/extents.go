//go:build linux

package blkback

import (
	"context"
	"encoding/binary"

	"github.com/xenidc/idc/drivers/image"
	"github.com/xenidc/idc/generated/blk"
	"github.com/xenidc/idc/runtime/idc"
)

// An extent as protocols/blk.idc describes it.
const (
	extentSize    = 8
	extentHole    = 1 << 62
	extentZero    = 1 << 63
	mostExtents   = 512 // a page of them: more can be asked for
	extentSectors = extentHole - 1
)

// Extents tells where the image has holes.
func (b *Back) Extents(_ context.Context, req blk.ExtentsRequest, data *idc.Bulk) blk.Status {
	off, ok := position(req.SectorNumber)
	if !ok {
		return b.status("extents", image.ErrOutside)
	}
	var list [mostExtents]image.Extent
	n, err := b.img.Extents(list[:min(len(list), data.Len()/extentSize)], off)
	if err != nil {
		return b.status("extents", err)
	}
	var page [mostExtents * extentSize]byte
	for i, e := range list[:n] {
		v := uint64(e.Len/unit) & extentSectors
		if e.Hole {
			v |= extentHole | extentZero
		}
		binary.LittleEndian.PutUint64(page[i*extentSize:], v)
	}
	data.CopyFrom(page[:min(len(page), data.Len())], 0)
	return blk.StatusOkay
}
