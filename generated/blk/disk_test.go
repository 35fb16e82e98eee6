package blk_test

import (
	"context"
	"sync"
	"testing"

	"github.com/xenidc/idc/generated/blk"
	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/idc/idctest"
)

// disk is a disk in memory that keeps account of what it was asked for.
type disk struct {
	mu       sync.Mutex
	data     []byte
	flushes  int
	discards []blk.DiscardRequest
	barriers int
	largest  int // bytes of the largest request
}

func newDisk(sectors int) *disk { return &disk{data: make([]byte, 512*sectors)} }

func (d *disk) at(s blk.Sectors, n int) []byte {
	if s > blk.Sectors(len(d.data)/512) || n > len(d.data)-int(s)*512 {
		return nil
	}
	d.largest = max(d.largest, n)
	return d.data[s*512:][:n]
}

func (d *disk) Read(_ context.Context, req blk.ReadRequest, data *idc.Bulk) blk.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.at(req.SectorNumber, data.Len())
	if p == nil || data.CopyFrom(p, 0) != len(p) {
		return blk.StatusError
	}
	return blk.StatusOkay
}

func (d *disk) Write(_ context.Context, req blk.WriteRequest, data *idc.Bulk) blk.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.at(req.SectorNumber, data.Len())
	if p == nil || data.CopyTo(p, 0) != len(p) {
		return blk.StatusError
	}
	return blk.StatusOkay
}

func (d *disk) WriteBarrier(ctx context.Context, req blk.WriteBarrierRequest, data *idc.Bulk) blk.Status {
	d.mu.Lock()
	d.barriers++
	d.mu.Unlock()
	return d.Write(ctx, blk.WriteRequest(req), data)
}

func (d *disk) Flush(context.Context, blk.FlushRequest) blk.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.flushes++
	return blk.StatusOkay
}

func (d *disk) Discard(_ context.Context, req blk.DiscardRequest) blk.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.discards = append(d.discards, req)
	return blk.StatusOkay
}

// keys are those of a disk that can do everything.
func (d *disk) keys() blk.BackKeys {
	return blk.BackKeys{
		SectorSize: 512, Sectors: blk.Sectors(len(d.data) / 512), Info: blk.DiskInfoRemovable,
		FeatureBarrier: true, FeatureFlushCache: true, FeatureDiscard: true, DiscardSecure: true,
	}
}

// serve exports d and attaches a front end to it.
func serve(tb testing.TB, d *disk, keys blk.BackKeys, opts ...idc.Option) *blk.Front {
	tb.Helper()
	testenv.Leaks(tb)
	front, back := idctest.Pair(tb)
	s := blk.Export(back, "disk", keys, d, opts...)
	tb.Cleanup(func() { s.Close() })
	f, err := blk.Open(context.Background(), front, "disk", opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	return f
}
