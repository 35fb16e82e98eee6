package blkfront

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xenidc/idc/drivers/nbd"
	"github.com/xenidc/idc/generated/blk"
)

func TestDescribe(t *testing.T) {
	good := blk.BackKeys{Sectors: 2048, SectorSize: 512, FeatureFlushCache: true, FeatureDiscard: true}
	tests := []struct {
		name   string
		change func(k *blk.BackKeys)
		want   nbd.Info // the zero value where it must be refused
	}{
		{"plain", func(k *blk.BackKeys) {}, nbd.Info{Size: 1 << 20, SectorSize: 512, CanFlush: true, CanDiscard: true}},
		{"4096", func(k *blk.BackKeys) { k.SectorSize = 4096 }, nbd.Info{Size: 1 << 20, SectorSize: 4096, CanFlush: true, CanDiscard: true}},
		{"read-only", func(k *blk.BackKeys) { k.Info = blk.DiskInfoReadonly }, nbd.Info{Size: 1 << 20, SectorSize: 512, ReadOnly: true, CanFlush: true}},
		{"barriers only", func(k *blk.BackKeys) { k.FeatureFlushCache, k.FeatureBarrier = false, true }, nbd.Info{Size: 1 << 20, SectorSize: 512, CanFlush: true, CanDiscard: true}},
		{"nothing optional", func(k *blk.BackKeys) { k.FeatureFlushCache, k.FeatureDiscard = false, false }, nbd.Info{Size: 1 << 20, SectorSize: 512}},
		{"zeroes", func(k *blk.BackKeys) { k.XenidcDiscardZeroes = true }, nbd.Info{Size: 1 << 20, SectorSize: 512, CanFlush: true, CanDiscard: true, CanZero: true}},
		{"zeroes without discard", func(k *blk.BackKeys) { k.XenidcDiscardZeroes, k.FeatureDiscard = true, false }, nbd.Info{Size: 1 << 20, SectorSize: 512, CanFlush: true}},
		{"extents", func(k *blk.BackKeys) { k.FeatureXenidcExtents = true }, nbd.Info{Size: 1 << 20, SectorSize: 512, CanFlush: true, CanDiscard: true, CanExtents: true}},
		{"odd", func(k *blk.BackKeys) { k.Info, k.XenidcBytes = blk.DiskInfoReadonly, 1<<20-1 }, nbd.Info{Size: 1<<20 - 1, SectorSize: 512, ReadOnly: true, CanFlush: true}},
		{"odd, to be written to", func(k *blk.BackKeys) { k.XenidcBytes = 1<<20 - 1 }, nbd.Info{Size: 1 << 20, SectorSize: 512, CanFlush: true, CanDiscard: true}},
		{"odd by a sector", func(k *blk.BackKeys) { k.Info, k.XenidcBytes = blk.DiskInfoReadonly, 1<<20-512 }, nbd.Info{Size: 1 << 20, SectorSize: 512, ReadOnly: true, CanFlush: true}},
		{"odd beyond the end", func(k *blk.BackKeys) { k.Info, k.XenidcBytes = blk.DiskInfoReadonly, 1<<20+1 }, nbd.Info{Size: 1 << 20, SectorSize: 512, ReadOnly: true, CanFlush: true}},
		{"no sector size", func(k *blk.BackKeys) { k.SectorSize = 0 }, nbd.Info{}},
		{"odd sector size", func(k *blk.BackKeys) { k.SectorSize = 520 }, nbd.Info{}},
		{"tiny sectors", func(k *blk.BackKeys) { k.SectorSize = 1 }, nbd.Info{}},
		{"huge sectors", func(k *blk.BackKeys) { k.SectorSize = 1 << 31 }, nbd.Info{}},
		{"empty", func(k *blk.BackKeys) { k.Sectors = 0 }, nbd.Info{}},
		{"too large", func(k *blk.BackKeys) { k.Sectors = math.MaxInt64/512 + 1 }, nbd.Info{}},
		{"as large as can be said", func(k *blk.BackKeys) { k.Sectors = math.MaxUint64 }, nbd.Info{}},
		{"partial sector", func(k *blk.BackKeys) { k.Sectors, k.SectorSize = 9, 4096 }, nbd.Info{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			keys := good
			tt.change(&keys)
			got, err := describe(keys)
			if diff := cmp.Diff(tt.want, got); diff != "" || (err == nil) != (tt.want.Size > 0) {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

// What another back end says counts, whatever the first said, but for the sector size.
func TestRenewed(t *testing.T) {
	first := nbd.Info{Size: 1 << 20, SectorSize: 4096, CanFlush: true, CanDiscard: true, CanZero: true, CanExtents: true}
	tests := []struct {
		name string
		now  nbd.Info
		sane bool
		want nbd.Info
	}{
		{"read-only", nbd.Info{Size: 1 << 20, SectorSize: 4096, ReadOnly: true}, true, nbd.Info{Size: 1 << 20, SectorSize: 4096, ReadOnly: true}},
		{"other sectors", nbd.Info{Size: 2 << 20, SectorSize: 512, CanFlush: true}, true, nbd.Info{Size: 2 << 20, SectorSize: 4096, CanFlush: true}},
		{"a size that doesn't fit", nbd.Info{Size: 1<<20 + 512, SectorSize: 512, CanFlush: true}, true, nbd.Info{Size: 1 << 20, SectorSize: 4096, CanFlush: true}},
		{"odd and read-only", nbd.Info{Size: 1<<20 - 1, SectorSize: 4096, ReadOnly: true}, true, nbd.Info{Size: 1<<20 - 1, SectorSize: 4096, ReadOnly: true}},
		{"nonsense", nbd.Info{}, false, nbd.Info{Size: 1 << 20, SectorSize: 4096, CanFlush: true, CanDiscard: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, renewed(first, tt.now, tt.sane)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if now := renewed(nbd.Info{Size: 1 << 20, SectorSize: 4096, ReadOnly: true}, first, true); now.ReadOnly {
		t.Error("read-only stays")
	}
}
