//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xenidc/idc/drivers/nbd"
)

// phase is one kind of load.
type phase struct {
	Name    string
	Request int64 // largest request in bytes
	Depth   int   // requests in flight
	Bytes   int64 // to transfer in all; for a sequential phase, the disk
	Random  bool  // random places and sizes, otherwise all of the disk in order
	Reads   int   // of 100 requests
	Killed  bool  // the back end is killed meanwhile: it takes until that was noticed
}

// demoPhases is what the demo does to a disk of size bytes. All of the disk is written
// first and read last.
func demoPhases(size int64) []phase {
	random := min(size, 256<<20)
	return []phase{
		{Name: "sequential write", Request: 1 << 20, Depth: 4, Bytes: size},
		{Name: "random write", Request: blockSize, Depth: 32, Bytes: random, Random: true, Killed: true},
		{Name: "random read/write", Request: 64 << 10, Depth: 32, Bytes: 2 * random, Random: true, Reads: 70, Killed: true},
		{Name: "random read", Request: blockSize, Depth: 32, Bytes: random, Random: true, Reads: 100},
		{Name: "sequential read", Request: 1 << 20, Depth: 4, Bytes: size, Reads: 100},
	}
}

// killPhases names the phases in the middle of which the back end is killed.
func killPhases() (names []string) {
	for _, p := range demoPhases(leastDemo) {
		if p.Killed {
			names = append(names, p.Name)
		}
	}
	return names
}

// result is what a phase measured.
type result struct {
	Name     string  `json:"name"`
	Request  int64   `json:"request_bytes"`
	Depth    int     `json:"depth"`
	Requests int64   `json:"requests"`
	Bytes    int64   `json:"bytes"`
	Seconds  float64 `json:"seconds"`
	latencies
}

// load drives a disk and holds it to a model.
type load struct {
	disk  nbd.Disk
	model *model
	size  int64 // of the disk, whole blocks
	done  atomic.Int64
	away  atomic.Bool // the back end was lost during this phase
}

// run carries out a phase with a worker for each request in flight. Each worker owns a
// part of the disk, so that no two requests in flight overlap: then there is one right
// answer to every read.
func (l *load) run(ctx context.Context, p phase, seed uint64) (result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l.done.Store(0)
	l.away.Store(false)
	workers := make([]worker, p.Depth)
	start := time.Now()
	var wg sync.WaitGroup
	blocks := l.size / blockSize
	for i := range workers {
		w := &workers[i]
		w.load, w.phase, w.rnd = l, p, rand.New(rand.NewPCG(seed, uint64(i)))
		w.first, w.end = blocks*int64(i)/int64(p.Depth), blocks*int64(i+1)/int64(p.Depth)
		wg.Go(func() {
			if err := w.run(ctx); err != nil {
				cancel(fmt.Errorf("%s: %w", p.Name, err))
			}
		})
	}
	wg.Wait()
	r := result{Name: p.Name, Request: p.Request, Depth: p.Depth, Seconds: time.Since(start).Seconds()}
	var all histogram
	for i := range workers {
		all.merge(&workers[i].times)
		r.Bytes += workers[i].moved
	}
	r.Requests, r.latencies = int64(all.total), all.latencies()
	return r, context.Cause(ctx)
}

// worker sends one request at a time to its part of the disk.
type worker struct {
	*load
	phase      phase
	rnd        *rand.Rand
	first, end int64 // its blocks
	times      histogram
	moved      int64
}

func (w *worker) run(ctx context.Context) error {
	buf, free := allocate(w.disk, int(w.phase.Request))
	defer free()
	quota := w.phase.Bytes / int64(w.phase.Depth)
	for at := w.first; w.first < w.end && ctx.Err() == nil; {
		block, n := at, min(w.phase.Request/blockSize, w.end-at)
		if w.phase.Random {
			if w.moved >= quota && (!w.phase.Killed || w.away.Load()) {
				return nil
			}
			block = w.first + w.rnd.Int64N(w.end-w.first)
			n = 1 + w.rnd.Int64N(min(w.phase.Request/blockSize, w.end-block))
		} else if at += n; n == 0 {
			return nil
		}
		if err := w.request(ctx, block, buf[:n*blockSize]); err != nil {
			return err
		}
	}
	return nil
}

// request carries out one request, with a buffer of the size of it, and checks what a
// read returned.
func (w *worker) request(ctx context.Context, block int64, p []byte) error {
	read := w.phase.Reads == 100 || w.rnd.IntN(100) < w.phase.Reads
	if !read {
		w.model.next(block, p)
	}
	start, err := time.Now(), error(nil)
	if read {
		err = w.disk.ReadAt(ctx, p, block*blockSize)
	} else {
		err = w.disk.WriteAt(ctx, p, block*blockSize)
	}
	w.times.add(time.Since(start))
	if err != nil {
		return fmt.Errorf("%d bytes at %d: %w", len(p), block*blockSize, err)
	}
	w.moved += int64(len(p))
	w.done.Add(int64(len(p)))
	if read {
		return w.model.verify(block, p)
	}
	return nil
}

// allocate gets memory that the disk needn't copy, if it has some.
func allocate(d nbd.Disk, n int) ([]byte, func()) {
	if a, ok := d.(nbd.Allocator); ok {
		if p, free, err := a.Alloc(n); err == nil {
			return p, free
		}
	}
	return make([]byte, n), func() {}
}
