package blkfront

import (
	"context"
	"encoding/binary"
	"math"

	"github.com/xenidc/idc/drivers/nbd"
	"github.com/xenidc/idc/generated/blk"
)

// Zero makes zeros by discarding, where the back end has said that this is what comes of
// it. If there was a reconnect meanwhile, and the request was sent again, the back end
// that answered may be another, which hasn't: so its word is looked up afterwards, too.
func (d *Disk) Zero(ctx context.Context, off, n int64) error {
	if !d.front.Back().XenidcDiscardZeroes {
		return ErrUnsupported
	}
	status, err := d.front.Discard(ctx, blk.Sectors(off/unit), blk.Sectors(n/unit), 0)
	if err == nil && !d.front.Back().XenidcDiscardZeroes {
		return ErrUnsupported
	}
	return outcome(status, err)
}

// An extent as protocols/blk.idc describes it.
const (
	extentSize = 8
	extentHole = 1 << 62
	extentZero = 1 << 63
	// extentPage is how many bytes of them are asked for at once.
	extentPage = 4096
)

// Extents asks the back end what it keeps. It may say anything: the server holds it to
// the disk's size.
func (d *Disk) Extents(ctx context.Context, list []nbd.Extent, off int64) (int, error) {
	page := make([]byte, extentPage)
	status, err := d.front.Extents(ctx, blk.Sectors(off/unit), page)
	if err := outcome(status, err); err != nil {
		return 0, err
	}
	return decodeExtents(list, page), nil
}

// decodeExtents ends with the first extent that can't be one.
func decodeExtents(list []nbd.Extent, page []byte) (n int) {
	for ; n < len(list) && len(page) >= extentSize; page = page[extentSize:] {
		v := binary.LittleEndian.Uint64(page)
		sectors := v &^ (extentHole | extentZero)
		if sectors == 0 || sectors > math.MaxInt64/unit {
			break
		}
		list[n] = nbd.Extent{Len: int64(sectors) * unit, Hole: v&extentHole != 0, Zero: v&extentZero != 0}
		n++
	}
	return n
}
