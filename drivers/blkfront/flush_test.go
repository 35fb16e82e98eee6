package blkfront

import (
	"context"
	"errors"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/xenidc/idc/generated/blk"
	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/idc/idctest"
)

// counter is a disk that counts what makes writes durable. What isn't a method of its
// own isn't called.
type counter struct {
	blk.Back
	flushes, barriers atomic.Int32
}

func (c *counter) Flush(context.Context, blk.FlushRequest) blk.Status {
	c.flushes.Add(1)
	return blk.StatusOkay
}

func (c *counter) WriteBarrier(_ context.Context, _ blk.WriteBarrierRequest, data *idc.Bulk) blk.Status {
	c.barriers.Add(1)
	if data.Len() > 0 {
		return blk.StatusError
	}
	return blk.StatusOkay
}

// open attaches a disk to a back end that publishes keys.
func open(t *testing.T, keys blk.BackKeys, back blk.Back) *Disk {
	t.Helper()
	testenv.Leaks(t)
	front, domain := idctest.Pair(t)
	keys.Sectors, keys.SectorSize = 2048, 512
	s := blk.Export(domain, "disk", keys, back)
	t.Cleanup(func() { s.Close() })
	f, err := blk.Open(t.Context(), front, "disk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	d, err := New(f)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestFlush has each kind of back end make writes durable, by what it offers.
func TestFlush(t *testing.T) {
	for _, tt := range []struct {
		name              string
		keys              blk.BackKeys
		can               bool
		flushes, barriers int32
	}{
		{"both", blk.BackKeys{FeatureFlushCache: true, FeatureBarrier: true}, true, 1, 0},
		{"flush only", blk.BackKeys{FeatureFlushCache: true}, true, 1, 0},
		{"barrier only", blk.BackKeys{FeatureBarrier: true}, true, 0, 1},
		{"neither", blk.BackKeys{}, false, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &counter{}
			d := open(t, tt.keys, c)
			if got := d.Info().CanFlush; got != tt.can {
				t.Errorf("can flush: %v, want %v", got, tt.can)
			}
			if err := d.Flush(t.Context()); (err == nil) != tt.can || err != nil && !errors.Is(err, syscall.EOPNOTSUPP) {
				t.Errorf("flush: %v", err)
			}
			if f, b := c.flushes.Load(), c.barriers.Load(); f != tt.flushes || b != tt.barriers {
				t.Errorf("the back end saw %d flushes and %d barriers, want %d and %d", f, b, tt.flushes, tt.barriers)
			}
		})
	}
}
