//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/store"
)

// A disk that couldn't be served is tried again after a while, since not everything that
// may have been wrong leaves an event in the store: another program had the image, for
// example.
const (
	retryFirst = time.Second
	retryMost  = 30 * time.Second
)

// lookTime is how often a tender looks without a reason: the node of a front end may have
// gone without an event that we see.
const lookTime = 5 * time.Second

// look says why a tender shall look at its nodes.
type look int32

const (
	lookAgain look = iota // something may have changed
	tryAgain              // what failed before may succeed now
)

// tender serves the disk of one back end's directory while the toolstack wants it
// served.
type tender struct {
	k     *keeper
	dir   string
	at    *idc.Assignment
	stop  context.CancelFunc
	woken chan struct{} // cap 1
	again atomic.Bool   // tryAgain is among the reasons

	// The tender's goroutine's.
	disk   *disk
	idle   *unserved // what stands for a disk that isn't served; nil if none
	broken failure
	err    error // of the disk's end
}

// failure is why a disk isn't served. The zero value is none.
type failure struct {
	nodes string // what the store said then
	text  string
	until time.Time // when it is tried again
	pause time.Duration
}

func (k *keeper) startTender(ctx context.Context, dir string, at *idc.Assignment) *tender {
	ctx, cancel := context.WithCancel(ctx)
	t := &tender{k: k, dir: dir, at: at, stop: cancel, woken: make(chan struct{}, 1)}
	go func() {
		t.run(ctx)
		cancel()
		t.err = t.release()
		ctx, end := context.WithTimeout(context.WithoutCancel(ctx), readyTime)
		t.stand(ctx, nil)
		end()
		k.ended <- t
	}()
	return t
}

// wake has the tender look at its nodes.
func (t *tender) wake(why look) {
	if why == tryAgain {
		t.again.Store(true)
	}
	poke(t.woken)
}

// run looks after the disk until ctx ends.
func (t *tender) run(ctx context.Context) {
	for ctx.Err() == nil {
		if t.reconcile(ctx); t.k.c.Err() != nil {
			t.k.fail(t.k.c.Err())
			return
		}
		pause := time.NewTimer(t.pause())
		select {
		case <-ctx.Done():
		case <-t.woken:
		case <-pause.C:
		}
		pause.Stop()
	}
}

// pause is how long to wait for a reason to look.
func (t *tender) pause() time.Duration {
	if t.broken.text != "" {
		return min(lookTime, max(0, time.Until(t.broken.until)))
	}
	return lookTime
}

// reconcile begins to serve the disk if it is wanted, and ends that if it isn't any more.
func (t *tender) reconcile(ctx context.Context) {
	again := t.again.Swap(false)
	wanted, err := idc.Wanted(ctx, t.k.c, t.dir)
	switch {
	case err != nil:
		t.complain(ctx, "", err)
	case !wanted:
		t.release()
		t.stand(ctx, nil)
		t.broken = failure{}
	case t.disk == nil:
		t.try(ctx, again)
	case again:
		t.disk.look()
	}
}

// stand has another stand for the disk, or nobody.
func (t *tender) stand(ctx context.Context, next *unserved) {
	if was := t.idle; was != nil && (next == nil || was.empty != next.empty) {
		t.idle = nil
		if err := was.leave(ctx); err != nil {
			t.k.log.Debug("leave the state", "directory", t.dir, "err", err)
		}
	}
	if t.idle == nil {
		t.idle = next
	}
	if t.idle == nil {
		return
	}
	err := t.idle.step(ctx)
	if t.idle.empty {
		err = errors.Join(err, t.idle.watch(ctx, t.woken))
	}
	if err != nil && ctx.Err() == nil {
		t.k.log.Warn("can't answer the toolstack", "directory", t.dir, "err", oneLine(err))
	}
}

// release lets go of the disk.
func (t *tender) release() error {
	if t.disk == nil {
		return nil
	}
	d := t.disk
	t.disk = nil
	if err := d.close(); err != nil {
		t.k.log.Error("the end of a disk", "disk", d.name, "directory", t.dir, "err", err)
		return fmt.Errorf("disk %s: %w", d.name, err)
	}
	t.k.log.Info("no longer served", "disk", d.name, "directory", t.dir)
	poke(t.k.freed) // the image may be what another disk waits for
	return nil
}

// try serves the disk, or says in its directory why it can't. What failed isn't tried
// again too soon unless the nodes have changed, or something else has.
func (t *tender) try(ctx context.Context, again bool) {
	src, nodes, err := t.k.source(ctx, t.at)
	if err == nil && src.cdrom && src.path == "" {
		t.forgive(ctx)
		t.stand(ctx, &unserved{c: t.k.c, dir: t.dir, empty: true})
		return
	}
	if b := t.broken; b.text != "" && b.nodes == nodes && !again && time.Now().Before(b.until) {
		t.stand(ctx, &unserved{c: t.k.c, dir: t.dir})
		return
	}
	if err == nil {
		err = t.k.confine(&src)
	}
	if err == nil {
		t.stand(ctx, nil)
		t.disk, err = t.k.serve(ctx, src)
	}
	if err == nil {
		t.broken = failure{}
		return
	}
	t.complain(ctx, nodes, err)
	t.stand(ctx, &unserved{c: t.k.c, dir: t.dir})
}

// forgive takes back a complaint.
func (t *tender) forgive(ctx context.Context) {
	if t.broken.text == "" {
		return
	}
	t.broken = failure{}
	if err := t.k.c.Remove(ctx, store.NoTx, t.dir+"/error"); err != nil {
		t.k.log.Debug("take the error back", "directory", t.dir, "err", err)
	}
}

// complain notes a failure, and says so once for as long as it stays the same.
func (t *tender) complain(ctx context.Context, nodes string, why error) {
	if ctx.Err() != nil {
		return // it fails for that
	}
	b := failure{nodes: nodes, text: oneLine(why), pause: retryFirst}
	if b.nodes == t.broken.nodes && b.text == t.broken.text {
		b.pause = min(2*t.broken.pause, retryMost)
		t.k.log.Debug("still can't serve a disk", "directory", t.dir, "err", why, "retry", b.pause)
	} else {
		t.k.log.Warn("can't serve a disk", "directory", t.dir, "err", why)
	}
	b.until = time.Now().Add(b.pause)
	t.broken = b
	if err := t.k.c.Write(ctx, store.NoTx, t.dir+"/error", b.text); err != nil {
		t.k.log.Warn("can't say so in the store", "directory", t.dir, "err", err)
	}
}
