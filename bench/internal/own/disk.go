package own

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/xenidc/idc/bench/internal/measure"
	"github.com/xenidc/idc/drivers/blkback"
	"github.com/xenidc/idc/drivers/image"
	"github.com/xenidc/idc/generated/blk"
	"github.com/xenidc/idc/runtime/idc"
)

const (
	// Block is the size in bytes of what is read.
	Block = 4096
	// DiskSize is the size in bytes of the disk.
	DiskSize = 64 << 20
)

// MakeDisk makes the image, without holes.
func MakeDisk(dir string) error {
	data := make([]byte, DiskSize)
	for i := range data {
		data[i] = byte(i / Block)
	}
	return os.WriteFile(filepath.Join(dir, "disk"), data, 0o600)
}

// Disk reads blocks of a disk with so many under way at once, in every way to wait.
// Without prepare it is one that keeps nothing.
func Disk(depth int, prepare func(dir string) error) (cases []*measure.Case) {
	for _, w := range waitings {
		cases = append(cases, &measure.Case{
			Name: w.name, Bytes: Block,
			Serve: func(ctx context.Context, dir string, ready func()) error {
				return serveDisk(ctx, dir, prepare, ready, w.back)
			},
			Open: func(ctx context.Context, dir string) (measure.Load, func(), error) {
				return openDisk(ctx, dir, depth, w)
			},
		})
	}
	return cases
}

func serveDisk(ctx context.Context, dir string, prepare func(string) error, ready func(), opts []idc.Option) error {
	var disk blk.Back = nullDisk{}
	keys := blk.BackKeys{Sectors: DiskSize / 512, SectorSize: 512}
	if prepare != nil {
		if err := prepare(dir); err != nil {
			return err
		}
		img, err := image.Open(filepath.Join(dir, "disk"), image.Options{})
		if err != nil {
			return err
		}
		defer img.Close()
		b := blkback.New(img, slog.New(slog.DiscardHandler))
		disk, keys = b, b.Keys()
	}
	return serve(ctx, dir, ready, func(d idc.Domain) error {
		return blk.Serve(ctx, d, name, keys, disk, opts...)
	})
}

// nullDisk keeps nothing and gives what happens to be there.
type nullDisk struct{}

func (nullDisk) Read(context.Context, blk.ReadRequest, *idc.Bulk) blk.Status { return blk.StatusOkay }
func (nullDisk) Write(context.Context, blk.WriteRequest, *idc.Bulk) blk.Status {
	return blk.StatusOkay
}
func (nullDisk) WriteBarrier(context.Context, blk.WriteBarrierRequest, *idc.Bulk) blk.Status {
	return blk.StatusOkay
}
func (nullDisk) Flush(context.Context, blk.FlushRequest) blk.Status     { return blk.StatusOkay }
func (nullDisk) Discard(context.Context, blk.DiscardRequest) blk.Status { return blk.StatusOkay }

func openDisk(ctx context.Context, dir string, depth int, w waiting) (measure.Load, func(), error) {
	d, err := front(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	f, err := blk.Open(ctx, d, name, w.front...)
	if err != nil {
		d.Close()
		return nil, nil, err
	}
	buf, err := f.Alloc(depth * Block)
	if err != nil {
		f.Close()
		d.Close()
		return nil, nil, err
	}
	r := &reader{Front: f, buf: buf.Bytes(), depth: depth, polled: w.polled}
	load := measure.Serial(r.read)
	if depth > 1 {
		load = r.pipelined
	}
	return load, func() { buf.Free(); f.Close(); d.Close() }, nil
}

// reader reads blocks at random into shared memory.
type reader struct {
	*blk.Front
	buf    []byte
	depth  int
	polled bool
}

// somewhere is the sector of a random block.
func somewhere() blk.Sectors { return blk.Sectors(rand.Uint64N(DiskSize/Block) * (Block / 512)) }

func (r *reader) read() error {
	status, err := r.Read(context.Background(), somewhere(), r.buf[:Block])
	return check(status, err)
}

func check(status blk.Status, err error) error {
	if err == nil && status != blk.StatusOkay {
		return fmt.Errorf("status %v", status)
	}
	return err
}

// pipelined keeps depth reads under way: as many as a ring of one page has slots,
// so the ring itself holds back the next. Each buffer is of the read before depth
// others; what two reads put there at once doesn't matter here.
func (r *reader) pipelined(m *measure.Meter) error {
	flow := measure.NewFlow(m)
	end := func(s blk.Status, err error) { flow.End(check(s, err)) }
	endTimed := func(s blk.Status, err error) { flow.EndTimed(check(s, err)) }
	ctx := context.Background()
	var poll func() int
	if r.polled {
		ctx, poll = idc.NoWait, r.Poll
	}
	for i := 0; !flow.Done(); i++ {
		done := end
		if flow.Begin() {
			done = endTimed
		}
		buf := r.buf[i%r.depth*Block:][:Block]
		for {
			err := r.ReadAsync(ctx, somewhere(), buf, done)
			if err == nil {
				break
			}
			if !errors.Is(err, idc.ErrWouldBlock) {
				return err
			}
			r.Poll()
		}
	}
	return flow.Close(poll)
}
