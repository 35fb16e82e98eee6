//go:build linux

package blkback_test

import (
	"bytes"
	"context"
	"math"
	"sync/atomic"
	"testing"

	"github.com/xenidc/idc/drivers/image"
	"github.com/xenidc/idc/generated/blk"
	"github.com/xenidc/idc/runtime/store"
)

// TestMisuse has a front end send everything that it must not, while another front
// end uses another disk of the same back end. Each bad request must cost that request
// alone: it is answered with an error, changes nothing, and the next is served.
func TestMisuse(t *testing.T) {
	w := newWorld(t)
	contents := random(diskSize, 1)
	path := w.serve("target", contents, image.Options{})
	w.serve("other", make([]byte, diskSize), image.Options{})
	neighbour := watchOver(t, w.open("other"))
	r := newRogue(w, "target")
	good, locked := r.data.Refs()[0], r.locked.Refs()[0]
	ok := segment{good, 0, 7}
	list := r.data.Refs()[1]
	putSegment(r.data.Memory().Page(1).Unstable(), ok)
	const end = diskSize / 512
	many := make([]segment, 11)
	for i := range many {
		many[i] = ok
	}

	for name, slot := range map[string][]byte{
		"unknown operation":         direct(200, 1, 7, 0, ok),
		"reserved operation":        direct(4, 1, 7, 0, ok),
		"no segments":               direct(1, 0, 7, 0),
		"twelve segments":           direct(1, 12, 7, 0, many...),
		"255 segments":              direct(1, 255, 7, 0, many...),
		"segment past its page":     direct(1, 1, 7, 0, segment{good, 0, 8}),
		"segment far past its page": direct(1, 1, 7, 0, segment{good, 255, 255}),
		"segment backwards":         direct(1, 1, 7, 0, segment{good, 5, 4}),
		"reference 0":               direct(1, 1, 7, 0, segment{0, 0, 7}),
		"huge reference":            direct(1, 1, 7, 0, segment{math.MaxUint32, 0, 7}),
		"unknown reference":         direct(1, 1, 7, 0, segment{12345, 0, 7}),
		"read into a locked page":   direct(0, 1, 7, 0, segment{locked, 0, 7}),
		"one bad of eleven":         direct(1, 11, 7, 0, append(many[:10:10], segment{12345, 0, 7})...),
		"at the end":                direct(1, 1, 7, end, ok),
		"across the end":            direct(1, 1, 7, end-7, ok),
		"far away":                  direct(1, 1, 7, 1<<62, ok),
		"sector overflows":          direct(1, 1, 7, math.MaxUint64, ok),
		"bytes overflow":            direct(1, 1, 7, 1<<55, ok),
		"barrier past the end":      direct(2, 1, 7, end, ok),
		"flush past the end":        direct(3, 1, 7, end, ok),
		"flush bytes overflow":      direct(3, 1, 7, 1<<55, ok),
		"flush twelve segments":     direct(3, 12, 7, 0, many...),
		"flush stale segments":      direct(3, 7, 7, 0, segment{12345, 0, 7}, segment{0, 9, 1}),
		"discard past the end":      discard(0, 7, end-1, 2),
		"discard far too much":      discard(0, 7, 0, math.MaxUint64),
		"discard overflows":         discard(0, 7, math.MaxUint64, 2),
		"discard far away":          discard(0, 7, 1<<62, 1),
		"indirect nothing":          indirect(1, 0, 7, 0, list),
		"indirect too much":         indirect(1, 257, 7, 0, list),
		"indirect far too much":     indirect(1, math.MaxUint16, 7, 0, list, list, list, list, list, list, list, list),
		"indirect discard":          indirect(5, 1, 7, 0, list),
		"indirect indirect":         indirect(6, 1, 7, 0, list),
		"indirect reference":        indirect(1, 1, 7, 0, 99999),
		"indirect past the end":     indirect(1, 1, 7, end, list),
	} {
		t.Run(name, func(t *testing.T) {
			id, op, status := r.do(slot)
			if want := wantOp(slot); id != 7 || op != want || status >= 0 {
				t.Errorf("answered id %d, operation %d (want %d), status %d", id, op, want, status)
			}
			r.works(t, contents)
		})
	}
	holds(t, path, 0, contents)
	if id, op, status := r.do(indirect(0, 1, 9, 8, list)); id != 9 || op != 0 || status != 0 {
		t.Errorf("a proper indirect read is answered with id %d, operation %d, status %d", id, op, status)
	}
	for name, slot := range map[string][]byte{
		"flush":          direct(3, 0, 7, 0),
		"flush anywhere": direct(3, 0, 7, math.MaxUint64),
		"barrier":        direct(2, 0, 7, math.MaxUint64),
	} {
		if _, op, status := r.do(slot); op != slot[0] || status != 0 {
			t.Errorf("%s without data is answered with operation %d, status %d", name, op, status)
		}
	}
	fresh := random(4096, 2)
	r.data.Memory().Page(0).CopyIn(0, fresh)
	if _, op, status := r.do(direct(3, 1, 7, 200, ok)); op != 3 || status != 0 {
		t.Errorf("a flush with data is answered with operation %d, status %d", op, status)
	}
	holds(t, path, 200*512, fresh)
	r.leave()
	neighbour()
}

// wantOp is the operation that the response must have: the request's, or of an
// indirect one its inner (xen-blkfront.c, blkif_interrupt).
func wantOp(slot []byte) uint8 {
	if slot[0] == 6 && slot[1] <= 1 {
		return slot[1]
	}
	return slot[0]
}

// works fails unless a proper read is served.
func (r *rogue) works(t *testing.T, contents []byte) {
	t.Helper()
	clear(r.data.Memory().Page(0).Unstable())
	id, op, status := r.do(direct(0, 1, 8, 16, segment{r.data.Refs()[0], 0, 7}))
	if id != 8 || op != 0 || status != 0 {
		t.Errorf("a proper read is answered with id %d, operation %d, status %d", id, op, status)
	}
	if !bytes.Equal(r.data.Memory().Page(0).Unstable(), contents[16*512:][:4096]) {
		t.Error("a proper read returned something else")
	}
}

// TestBrokenRing has front ends break what can't be answered: the connection. Each
// loses it, the neighbour notices nothing, and the disk can be attached again.
func TestBrokenRing(t *testing.T) {
	for name, attack := range map[string]func(w *world, r *rogue){
		"too many requests": func(w *world, r *rogue) { r.pages.Memory().Store32(0, 1<<20); r.channel.Notify() },
		"requests taken back": func(w *world, r *rogue) {
			r.works(w.t, random(diskSize, 1))
			r.pages.Memory().Store32(0, math.MaxUint32)
			r.channel.Notify()
		},
		"ring revoked":     func(w *world, r *rogue) { r.pages.Revoke(); r.channel.Notify() },
		"domain died":      func(w *world, r *rogue) { w.sim.Kill(r.dom.ID()) },
		"channel closed":   func(w *world, r *rogue) { r.channel.Close() },
		"directory gone":   func(w *world, r *rogue) { r.must(r.store.Remove(context.Background(), store.NoTx, r.dir())) },
		"state is garbage": func(w *world, r *rogue) { r.write("state", "banana") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			path := w.serve("target", random(diskSize, 1), image.Options{})
			w.serve("other", make([]byte, diskSize), image.Options{})
			neighbour := watchOver(t, w.open("other"))
			r := newRogue(w, "target")
			attack(w, r)
			r.store.Remove(context.Background(), store.NoTx, r.request())
			r.dom.Close()
			f := w.open("target")
			p := make([]byte, diskSize)
			status, err := f.Read(t.Context(), 0, p)
			expect(t, "read by the next front end", status, err, blk.StatusOkay)
			if !bytes.Equal(p, random(diskSize, 1)) {
				t.Error("the disk has changed")
			}
			holds(t, path, 0, p)
			neighbour()
		})
	}
}

// watchOver uses a disk all the time, and fails the test if a request of its does. The
// returned function ends that.
func watchOver(t *testing.T, f *blk.Front) (end func()) {
	var over atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		want, got := make([]byte, 64<<10), make([]byte, 64<<10)
		for i := 0; !over.Load(); i++ {
			at := blk.Sectors(i % 32 * 128)
			copy(want, random(4096, byte(i)))
			status, err := f.Write(context.Background(), at, want)
			expect(t, "write of the neighbour", status, err, blk.StatusOkay)
			status, err = f.Read(context.Background(), at, got)
			expect(t, "read of the neighbour", status, err, blk.StatusOkay)
			if !bytes.Equal(got, want) {
				t.Error("the neighbour read something else than it wrote")
			}
		}
	}()
	return func() { over.Store(true); <-done }
}
