package blk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"sync"

	"github.com/xenidc/idc/generated/blk"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/platform/sim"
)

// ram is a disk in memory. That a request lies within it is the driver's to check: what
// the stubs check are the bounds of the protocol.
type ram struct {
	mu   sync.RWMutex
	data []byte
}

func (d *ram) at(sector blk.Sectors, n int) ([]byte, bool) {
	if uint64(sector) > uint64(len(d.data)/512) || n > len(d.data)-int(sector)*512 {
		return nil, false
	}
	return d.data[int(sector)*512:][:n], true
}

func (d *ram) Read(_ context.Context, req blk.ReadRequest, data *idc.Bulk) blk.Status {
	d.mu.RLock()
	defer d.mu.RUnlock()
	p, ok := d.at(req.SectorNumber, data.Len())
	if !ok {
		return blk.StatusError
	}
	data.CopyFrom(p, 0)
	return blk.StatusOkay
}

func (d *ram) Write(_ context.Context, req blk.WriteRequest, data *idc.Bulk) blk.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, ok := d.at(req.SectorNumber, data.Len())
	if !ok {
		return blk.StatusError
	}
	data.CopyTo(p, 0)
	return blk.StatusOkay
}

// Flush has nothing to do in memory.
func (d *ram) Flush(context.Context, blk.FlushRequest) blk.Status { return blk.StatusOkay }

// What isn't offered in the keys is refused by the stubs.
func (d *ram) WriteBarrier(context.Context, blk.WriteBarrierRequest, *idc.Bulk) blk.Status {
	return blk.StatusEopnotsupp
}
func (d *ram) Discard(context.Context, blk.DiscardRequest) blk.Status { return blk.StatusEopnotsupp }

// A disk of 1 MiB, served by one domain and used by another.
func Example() {
	w := sim.New(sim.Options{})
	defer w.Close()
	front, err1 := w.NewDomain()
	back, err2 := w.NewDomain()
	if err := errors.Join(err1, err2); err != nil {
		log.Fatal(err)
	}
	keys := blk.BackKeys{FeatureFlushCache: true, SectorSize: 512, Sectors: 2048}
	s := blk.Export(back, "ram", keys, &ram{data: make([]byte, 1<<20)})
	defer s.Close()

	ctx := context.Background()
	f, err := blk.Open(ctx, front, "ram")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	fmt.Println(f.Back().Sectors, "sectors")
	status, err := f.Write(ctx, 7, bytes.Repeat([]byte("disk"), 128))
	fmt.Println("write:", status, err)
	got := make([]byte, 512)
	status, err = f.Read(ctx, 7, got)
	fmt.Printf("read: %v %v %s...\n", status, err, got[:8])
	status, err = f.Read(ctx, 2048, got)
	fmt.Println("beyond the end:", status, err)
	// Output:
	// 2048 sectors
	// write: okay <nil>
	// read: okay <nil> diskdisk...
	// beyond the end: error <nil>
}
