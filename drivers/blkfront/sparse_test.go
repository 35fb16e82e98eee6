package blkfront

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"syscall"
	"testing"

	"github.com/xenidc/idc/drivers/nbd"
	"github.com/xenidc/idc/generated/blk"
	"github.com/xenidc/idc/runtime/idc"
)

// teller is a back end that tells extents, any that it is given.
type teller struct {
	counter
	page     []byte
	discards []blk.DiscardRequest
}

func (s *teller) Extents(_ context.Context, req blk.ExtentsRequest, data *idc.Bulk) blk.Status {
	if req.SectorNumber != 8 {
		return blk.StatusError
	}
	data.CopyFrom(s.page, 0)
	return blk.StatusOkay
}

func (s *teller) Discard(_ context.Context, req blk.DiscardRequest) blk.Status {
	s.discards = append(s.discards, req)
	return blk.StatusOkay
}

func TestExtents(t *testing.T) {
	page := make([]byte, 4096)
	for i, v := range []uint64{5, 3<<0 | 1<<62, 2 | 3<<62, 1 | 1<<63, 0, 9} {
		binary.LittleEndian.PutUint64(page[8*i:], v)
	}
	d := open(t, blk.BackKeys{FeatureXenidcExtents: true}, &teller{page: page})
	if !d.Info().CanExtents {
		t.Error("the disk doesn't know what it keeps")
	}
	want := []nbd.Extent{{Len: 5 * 512}, {Len: 3 * 512, Hole: true}, {Len: 1024, Hole: true, Zero: true}, {Len: 512, Zero: true}}
	for _, most := range []int{1, 3, 100} {
		list := make([]nbd.Extent, most)
		if n, err := d.Extents(t.Context(), list, 4096); err != nil || !slices.Equal(list[:n], want[:min(most, 4)]) {
			t.Errorf("%d extents, %v: %+v", n, err, list[:n])
		}
	}
	if _, err := d.Extents(t.Context(), make([]nbd.Extent, 1), 0); !errors.Is(err, syscall.EIO) {
		t.Errorf("a failed request: %v", err)
	}
}

// TestNoExtents has a back end that knows nothing of what isn't blkif's: it is asked for
// nothing.
func TestNoExtents(t *testing.T) {
	d := open(t, blk.BackKeys{FeatureXenidcExtents: true, FeatureDiscard: true}, &counter{})
	if info := d.Info(); info.CanExtents || info.CanZero || !info.CanDiscard {
		t.Errorf("the disk is %+v", info)
	}
	if _, err := d.Extents(t.Context(), make([]nbd.Extent, 1), 0); !errors.Is(err, syscall.EOPNOTSUPP) {
		t.Errorf("extents: %v", err)
	}
	if err := d.Zero(t.Context(), 0, 512); !errors.Is(err, syscall.EOPNOTSUPP) {
		t.Errorf("zero: %v", err)
	}
}

func TestNonsense(t *testing.T) {
	page := make([]byte, 4096)
	for _, v := range []uint64{1<<62 - 1, 1 << 61, 1<<54 + 1} {
		binary.LittleEndian.PutUint64(page, v)
		if n := decodeExtents(make([]nbd.Extent, 4), page); n != 0 {
			t.Errorf("an extent of %d sectors", v)
		}
	}
	if n := decodeExtents(make([]nbd.Extent, 1000), make([]byte, 4095)); n != 0 {
		t.Errorf("%d extents of zeros", n)
	}
}

// TestZero has a back end whose discarded sectors read as zeros.
func TestZero(t *testing.T) {
	s := &teller{}
	d := open(t, blk.BackKeys{FeatureDiscard: true, XenidcDiscardZeroes: true}, s)
	if !d.Info().CanZero {
		t.Error("the disk can't make zeros")
	}
	if err := d.Zero(t.Context(), 1024, 2048); err != nil {
		t.Fatal(err)
	}
	if want := (blk.DiscardRequest{SectorNumber: 2, NrSectors: 4}); len(s.discards) != 1 || s.discards[0] != want {
		t.Errorf("the back end saw %+v", s.discards)
	}
}
