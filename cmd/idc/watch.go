//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/store"
)

// keeper serves what toolstacks assign to us: a goroutine for each back end's directory,
// so that no disk waits for another, and each fails alone. The keeper's own goroutine
// knows which directories there are.
type keeper struct {
	*server
	c       *store.Client
	dir     string             // of all back ends of our type
	tenders map[string]*tender // by directory
	ended   chan *tender       // those that are over
	freed   chan struct{}      // cap 1: an image was let go
	failed  chan error         // cap 1: the store's failure, which no disk survives
}

// watch serves every disk of our type until ctx ends.
func (s *server) watch(ctx context.Context) error {
	c, err := s.toolstack(s.dom)
	if err != nil {
		return err
	}
	defer c.Close()
	k := &keeper{
		server: s, c: c, dir: idc.AssignedDir(s.dom.ID(), s.cmd.Type), tenders: map[string]*tender{},
		ended: make(chan *tender), freed: make(chan struct{}, 1), failed: make(chan error, 1),
	}
	ctx, cancel := context.WithCancel(ctx)
	err = k.run(ctx)
	if c.Err() != nil { // whoever waits for the store's end is about to say what it means
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	cancel()
	return errors.Join(err, k.wait())
}

// run starts and ends tenders as directories come and go.
func (k *keeper) run(ctx context.Context) error {
	w, err := k.c.Watch(ctx, k.dir)
	if err != nil {
		return err
	}
	deaths, err := k.watchDeaths(ctx)
	if err != nil {
		return err
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	k.say(map[string]string{"event": "watching", "directory": k.dir}, "watching %s", k.dir)
	if err := k.list(ctx); err != nil {
		return err
	}
	for {
		err := error(nil)
		select {
		case <-ctx.Done():
			return nil
		case <-w.C():
			err = k.changed(ctx, w)
		case <-deaths:
			k.wakeAll(lookAgain)
		case t := <-k.ended:
			delete(k.tenders, t.dir)
			err = k.list(ctx) // it may have been made anew
		case <-hangup:
			k.wakeAll(tryAgain)
		case <-k.freed:
			k.wakeAll(tryAgain)
		case err = <-k.failed:
		}
		if err != nil {
			return err
		}
	}
}

// watchDeaths tells when a domain has ended, whose nodes may have gone without an event
// below our directory. Only some domains may watch for that; others look now and then.
func (k *keeper) watchDeaths(ctx context.Context) (<-chan struct{}, error) {
	w, err := k.c.Watch(ctx, store.ReleaseDomain)
	if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	deaths := make(chan struct{}, 1)
	go func() {
		for {
			if _, err := w.Next(ctx); err != nil {
				return
			}
			poke(deaths)
		}
	}()
	return deaths, nil
}

// changed takes the events of the directory: each wakes the one disk that it is about.
func (k *keeper) changed(ctx context.Context, w *store.Watch) error {
	relist := false
	for {
		path, ok, err := w.Poll()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		parts := strings.SplitN(strings.TrimPrefix(path, k.dir+"/"), "/", 3)
		t := k.tenders[k.dir+"/"+strings.Join(parts[:min(2, len(parts))], "/")]
		if t != nil {
			t.wake(lookAgain)
		}
		relist = relist || t == nil || len(parts) < 3
	}
	if relist {
		return k.list(ctx)
	}
	return nil
}

// list starts a tender for each directory that has none, and ends those whose directory
// isn't there any more.
func (k *keeper) list(ctx context.Context) error {
	all, err := idc.Assigned(ctx, k.c, k.dom.ID(), k.cmd.Type)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for i := range all {
		dir := all[i].BackDir()
		there[dir] = true
		if k.tenders[dir] == nil {
			k.tenders[dir] = k.startTender(ctx, dir, &all[i])
		}
	}
	for dir, t := range k.tenders {
		if !there[dir] {
			t.stop()
		}
	}
	return nil
}

func (k *keeper) wakeAll(why look) {
	for _, t := range k.tenders {
		t.wake(why)
	}
}

// fail ends the keeper. The first cause counts.
func (k *keeper) fail(err error) {
	select {
	case k.failed <- err:
	default:
	}
}

// wait waits for the tenders, whose context has ended. They end side by side, since
// front ends are waited for. What went wrong with their disks is told.
func (k *keeper) wait() (err error) {
	for len(k.tenders) > 0 {
		t := <-k.ended
		delete(k.tenders, t.dir)
		err = errors.Join(err, t.err)
	}
	return err
}

// poke makes a channel of capacity 1 ready.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
