package blk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/xenidc/idc/generated/blk"
	"github.com/xenidc/idc/runtime/idc"
)

// noise is n bytes that are the same in every run.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
	return b
}

func ok(tb testing.TB, what string) func(blk.Status, error) {
	return func(s blk.Status, err error) {
		tb.Helper()
		if s != blk.StatusOkay || err != nil {
			tb.Fatalf("%s: %v, %v", what, s, err)
		}
	}
}

func TestBackKeys(t *testing.T) {
	d := newDisk(64)
	f := serve(t, d, d.keys())
	want := d.keys()
	want.FeatureMaxIndirectSegments, want.DiscardGranularity, want.PhysicalSectorSize = 256, 512, 512
	if got := f.Back(); got != want {
		t.Errorf("published %+v, read %+v", want, got)
	}
}

// options are the ways in which the same traffic must come out the same.
var options = map[string][]idc.Option{
	"plain":       nil,
	"x86_32":      {idc.SpeakABI("x86_32-abi")},
	"arm":         {idc.SpeakABI("arm-abi")},
	"polled":      {idc.Polled()},
	"asleep":      {idc.Spin(-1)},
	"large rings": {idc.RingOrder(2), idc.Queues(2), idc.Workers(3)},
}

// TestTransfer writes and reads back at many sizes and offsets: direct, indirect and
// split, in ordinary memory and in shared memory, at page and odd offsets.
func TestTransfer(t *testing.T) {
	const room = 3 << 20
	for name, opts := range options {
		t.Run(name, func(t *testing.T) {
			d := newDisk(room / 512)
			f := serve(t, d, d.keys(), opts...)
			shared, err := f.Alloc(room)
			if err != nil {
				t.Fatal(err)
			}
			defer shared.Free()
			for _, sectors := range []int{0, 1, 7, 8, 9, 87, 88, 89, 96, 2047, 2048, 2049, 5000} {
				for _, off := range []int{0, 512, 3584, 100} {
					n := sectors * 512
					for kind, p := range map[string][]byte{"private": make([]byte, n), "shared": shared.Bytes()[off:][:n]} {
						what := fmt.Sprintf("%s, %d sectors at %d", kind, sectors, off)
						want := noise(uint64(sectors+off), n)
						copy(p, want)
						ok(t, "write "+what)(f.Write(t.Context(), 3, p))
						if !bytes.Equal(d.data[3*512:][:n], want) {
							t.Fatalf("write %s: the disk has other data", what)
						}
						clear(p)
						ok(t, "read "+what)(f.Read(t.Context(), 3, p))
						if !bytes.Equal(p, want) {
							t.Fatalf("read %s: other data", what)
						}
					}
				}
			}
		})
	}
}

func TestSmallBackEnd(t *testing.T) {
	d := newDisk(2048)
	keys := d.keys()
	keys.FeatureMaxIndirectSegments = 1 // less than fits into a slot anyway
	f := serve(t, d, keys)
	if f.MaxBulk() != 11*4096 {
		t.Errorf("MaxBulk is %d", f.MaxBulk())
	}
	want := noise(1, 1<<20)
	ok(t, "write")(f.Write(t.Context(), 0, want))
	if d.largest != 11*4096 || !bytes.Equal(d.data, want) {
		t.Errorf("largest request %d bytes, data equal: %t", d.largest, bytes.Equal(d.data, want))
	}
}

func TestOtherTransactions(t *testing.T) {
	d := newDisk(64)
	f := serve(t, d, d.keys())
	ctx := t.Context()
	ok(t, "flush")(f.Flush(ctx))
	ok(t, "discard")(f.Discard(ctx, 8, 16, blk.DiscardFlagsSecure))
	ok(t, "barrier")(f.WriteBarrier(ctx, 1, noise(2, 1024)))
	ok(t, "empty barrier")(f.WriteBarrier(ctx, 0, nil))
	want := blk.DiscardRequest{SectorNumber: 8, NrSectors: 16, Flag: blk.DiscardFlagsSecure}
	if d.flushes != 1 || d.barriers != 2 || len(d.discards) != 1 || d.discards[0] != want {
		t.Errorf("the disk saw %+v", d.discards)
	}
}

func TestRefused(t *testing.T) {
	d := newDisk(64)
	f := serve(t, d, blk.BackKeys{SectorSize: 512, Sectors: 64})
	ctx := t.Context()
	for name, call := range map[string]func() (blk.Status, error){
		"flush":   func() (blk.Status, error) { return f.Flush(ctx) },
		"discard": func() (blk.Status, error) { return f.Discard(ctx, 0, 1, 0) },
		"barrier": func() (blk.Status, error) { return f.WriteBarrier(ctx, 0, nil) },
	} {
		if s, err := call(); s != blk.StatusEopnotsupp || err != nil {
			t.Errorf("%s, not offered: %v, %v", name, s, err)
		}
	}
	if s, err := f.Read(ctx, 60, make([]byte, 4096)); s != blk.StatusError || err != nil {
		t.Errorf("read beyond the end: %v, %v", s, err)
	}
	if s, err := f.Write(ctx, 0, make([]byte, 100)); s != blk.StatusError || err == nil {
		t.Errorf("ragged write: %v, %v", s, err)
	}
	err := f.WriteAsync(ctx, 0, make([]byte, f.MaxBulk()+512), func(blk.Status, error) {})
	if !errors.Is(err, idc.ErrTooLong) {
		t.Errorf("asynchronous write of more than a request: %v", err)
	}
}

func TestAsync(t *testing.T) {
	for name, opts := range options {
		t.Run(name, func(t *testing.T) {
			d := newDisk(4096)
			copy(d.data, noise(3, len(d.data)))
			f := serve(t, d, d.keys(), opts...)
			var wg sync.WaitGroup
			bufs := make([][]byte, 500)
			for i := range bufs {
				bufs[i] = make([]byte, 512*(1+i%20))
				wg.Add(1)
				for {
					err := f.ReadAsync(idc.NoWait, blk.Sectors(i), bufs[i], func(s blk.Status, err error) {
						if s != blk.StatusOkay || err != nil {
							t.Errorf("read %d: %v, %v", i, s, err)
						}
						wg.Done()
					})
					if err == nil {
						break
					}
					if !errors.Is(err, idc.ErrWouldBlock) {
						t.Fatal(err)
					}
					f.Poll()
					time.Sleep(10 * time.Microsecond)
				}
			}
			ended := make(chan struct{})
			go func() { wg.Wait(); close(ended) }()
			for done := false; !done; f.Poll() {
				select {
				case <-ended:
					done = true
				default:
					time.Sleep(10 * time.Microsecond)
				}
			}
			for i, b := range bufs {
				if !bytes.Equal(b, d.data[512*i:][:len(b)]) {
					t.Errorf("read %d: other data", i)
				}
			}
		})
	}
}

func TestCancel(t *testing.T) {
	d := newDisk(64)
	f := serve(t, d, d.keys())
	ctx, cancel := context.WithCancel(context.Background())
	d.mu.Lock()
	time.AfterFunc(time.Millisecond, cancel)
	s, err := f.Read(ctx, 0, make([]byte, 512))
	d.mu.Unlock()
	if s == blk.StatusOkay || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled read: %v, %v", s, err)
	}
	ok(t, "read afterwards")(f.Read(context.Background(), 0, make([]byte, 512)))
}

// TestNoAllocation holds the promise that an operation allocates nothing.
func TestNoAllocation(t *testing.T) {
	d := newDisk(4096)
	f := serve(t, d, d.keys())
	buf, err := f.Alloc(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer buf.Free()
	ctx := context.Background()
	done := make(chan blk.Status, 1)
	callback := func(s blk.Status, _ error) { done <- s }
	private := make([]byte, 4096)
	for name, op := range map[string]func(){
		"read shared":   func() { f.Read(ctx, 0, buf.Bytes()[:4096]) },
		"read indirect": func() { f.Read(ctx, 0, buf.Bytes()) },
		"read private":  func() { f.Read(ctx, 0, private) },
		"write":         func() { f.Write(ctx, 0, private) },
		"flush":         func() { f.Flush(ctx) },
		"asynchronous":  func() { f.ReadAsync(ctx, 0, private, callback); <-done },
	} {
		op()
		if n := testing.AllocsPerRun(1000, op); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
