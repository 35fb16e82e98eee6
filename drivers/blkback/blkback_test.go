//go:build linux

package blkback_test

import (
	"bytes"
	"context"
	"math"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/xenidc/idc/drivers/image"
	"github.com/xenidc/idc/generated/blk"
	"github.com/xenidc/idc/runtime/idc"
)

func TestReadWrite(t *testing.T) {
	for _, sector := range []int{512, 4096} {
		w := newWorld(t)
		path := w.serve("disk", random(diskSize, 1), image.Options{SectorSize: sector})
		f, ctx := w.open("disk"), t.Context()
		if k := f.Back(); int(k.SectorSize) != sector || k.Sectors != diskSize/512 || k.Info != 0 || !k.FeatureFlushCache || !k.FeatureBarrier || !k.FeatureDiscard {
			t.Errorf("the disk describes itself as %+v", k)
		}
		p := make([]byte, diskSize)
		status, err := f.Read(ctx, 0, p)
		expect(t, "read all", status, err, blk.StatusOkay)
		if !bytes.Equal(p, random(diskSize, 1)) {
			t.Error("read something else than the image holds")
		}
		fresh := random(300<<10, 2)
		status, err = f.Write(ctx, 128, fresh)
		expect(t, "write", status, err, blk.StatusOkay)
		status, err = f.WriteBarrier(ctx, 4096, fresh[:8192])
		expect(t, "barrier", status, err, blk.StatusOkay)
		status, err = f.Flush(ctx)
		expect(t, "flush", status, err, blk.StatusOkay)
		holds(t, path, 128*512, fresh)
		holds(t, path, 4096*512, fresh[:8192])
	}
}

func TestBounds(t *testing.T) {
	const all = diskSize / 512
	w := newWorld(t)
	contents := random(diskSize, 1)
	path := w.serve("disk", contents, image.Options{SectorSize: 4096})
	f, ctx := w.open("disk"), t.Context()
	p := make([]byte, 8192)
	for _, s := range []blk.Sectors{all, all - 8, 1, 1 << 54, math.MaxInt64 / 512, math.MaxInt64/512 + 1, math.MaxUint64, math.MaxUint64 - 7, 1 << 63} {
		status, err := f.Read(ctx, s, p)
		expect(t, "read", status, err, blk.StatusError)
		status, err = f.Write(ctx, s, p)
		expect(t, "write", status, err, blk.StatusError)
		status, err = f.WriteBarrier(ctx, s, p)
		expect(t, "barrier", status, err, blk.StatusError)
		status, err = f.Discard(ctx, s, 16, 0)
		expect(t, "discard", status, err, blk.StatusError)
		status, err = f.Discard(ctx, 16, s, 0)
		if s != 1 {
			expect(t, "discard", status, err, blk.StatusError)
		}
	}
	status, err := f.Write(ctx, 8, p[:512])
	expect(t, "write part of a sector", status, err, blk.StatusError)
	holds(t, path, 0, contents[:4096])
	holds(t, path, 4096+8192, contents[4096+8192:])
}

func TestReadOnly(t *testing.T) {
	w := newWorld(t)
	contents := random(diskSize, 1)
	path := w.serve("disk", contents, image.Options{ReadOnly: true})
	f, ctx := w.open("disk"), t.Context()
	if f.Back().Info&blk.DiskInfoReadonly == 0 || f.Back().FeatureDiscard {
		t.Errorf("the disk describes itself as %+v", f.Back())
	}
	p := make([]byte, 4096)
	status, err := f.Write(ctx, 0, p)
	expect(t, "write", status, err, blk.StatusError)
	status, err = f.WriteBarrier(ctx, 0, p)
	expect(t, "barrier", status, err, blk.StatusError)
	status, err = f.Discard(ctx, 0, 8, 0)
	if err != nil || status == blk.StatusOkay {
		t.Errorf("discard: %v %v", status, err)
	}
	status, err = f.Read(ctx, 0, p)
	expect(t, "read", status, err, blk.StatusOkay)
	holds(t, path, 0, contents)
}

func TestDiscard(t *testing.T) {
	w := newWorld(t)
	path := w.serve("disk", random(diskSize, 1), image.Options{})
	f, ctx := w.open("disk"), t.Context()
	before := blocks(t, path)
	status, err := f.Discard(ctx, mib/512, 2*mib/512, blk.DiscardFlagsSecure)
	expect(t, "discard", status, err, blk.StatusOkay)
	status, err = f.Flush(ctx)
	expect(t, "flush", status, err, blk.StatusOkay)
	if freed := before - blocks(t, path); freed < 2*mib/512 {
		t.Errorf("discarding 2 MiB freed %d blocks of 512 bytes", freed)
	}
}

func blocks(t *testing.T, path string) int64 {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return int64(st.Blocks)
}

// TestConcurrent has many goroutines write and read their own parts at once, on two
// queues, with barriers and flushes in between.
func TestConcurrent(t *testing.T) {
	w := newWorld(t)
	w.serve("disk", make([]byte, diskSize), image.Options{})
	f := w.open("disk", idc.Queues(2), idc.RingOrder(1))
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() { exercise(t, f, g) })
	}
	wg.Wait()
}

// barrier is the most that one may carry: the ten segments of a direct request that
// whole pages fill.
const barrier = 10 * 4096

// exercise uses one sixteenth of the disk.
func exercise(t *testing.T, f *blk.Front, part int) {
	ctx, first := context.Background(), blk.Sectors(part*diskSize/16/512)
	for i := range 20 {
		n := 512 * (1 + (i*37+part*11)%100)
		want, got := random(n, byte(part*20+i)), make([]byte, n)
		var status blk.Status
		var err error
		if i%5 == 0 {
			want, got = want[:min(n, barrier)], got[:min(n, barrier)]
			status, err = f.WriteBarrier(ctx, first+blk.Sectors(i), want)
		} else {
			status, err = f.Write(ctx, first+blk.Sectors(i), want)
		}
		expect(t, "write", status, err, blk.StatusOkay)
		status, err = f.Read(ctx, first+blk.Sectors(i), got)
		expect(t, "read", status, err, blk.StatusOkay)
		if !bytes.Equal(got, want) {
			t.Errorf("part %d: %d bytes differ", part, n)
		}
		if i%7 == 0 {
			status, err = f.Flush(ctx)
			expect(t, "flush", status, err, blk.StatusOkay)
		}
	}
}

// TestTruncated makes the image shorter behind the server's back: requests there fail,
// others don't.
func TestTruncated(t *testing.T) {
	w := newWorld(t)
	path := w.serve("disk", random(diskSize, 1), image.Options{})
	f, ctx := w.open("disk"), t.Context()
	if err := os.Truncate(path, mib); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 4096)
	status, err := f.Read(ctx, 2*mib/512, p)
	expect(t, "read behind the end", status, err, blk.StatusError)
	status, err = f.Read(ctx, 0, p)
	expect(t, "read", status, err, blk.StatusOkay)
}
