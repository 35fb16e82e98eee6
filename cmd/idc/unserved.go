//go:build linux

package main

import (
	"context"
	"errors"
	"syscall"

	"github.com/xenidc/idc/runtime/store"
)

// unserved plays the back end of a directory in which nothing is served: a drive without
// a medium, or a disk that can't be. Toolstacks wait for its states all the same:
//
//	Initialising -> InitWait   the drive is there; libxl waits for that when a domain begins
//	Closing      -> Closed     the device is taken away (libxl__initiate_device_generic_remove)
//
// The front end of an empty drive may close, and begin again, but it can't connect.
type unserved struct {
	c     *store.Client
	dir   string
	empty bool         // a drive without a medium, not a disk that failed
	front *store.Watch // of the front end's state, for an empty drive; nil before
}

// watch has wake called whenever the front end does something.
func (u *unserved) watch(ctx context.Context, wake chan struct{}) error {
	if u.front != nil {
		return nil
	}
	path, err := u.c.Read(ctx, store.NoTx, u.dir+"/frontend")
	if err != nil {
		return err
	}
	w, err := u.c.Watch(ctx, path+"/state")
	if err != nil {
		return err
	}
	u.front = w
	go func() {
		for {
			if _, err := w.Next(ctx); err != nil {
				return
			}
			poke(wake)
		}
	}()
	return nil
}

// step writes the state that follows from both ends' now.
func (u *unserved) step(ctx context.Context) error {
	return u.change(ctx, func(own, front store.State, online bool) store.State {
		switch {
		case own == store.StateClosing && front != store.StateClosing:
			return store.StateClosed
		case !u.empty:
			return own
		case front == store.StateClosing && own != store.StateClosed:
			return store.StateClosing
		case front == store.StateClosed && own != store.StateInitialising, own == store.StateConnected:
			return store.StateClosed
		case own == store.StateInitialising, front == store.StateInitialising && online:
			return store.StateInitWait
		}
		return own
	})
}

// leave ends that. A drive is as the toolstack made it: nobody serves it yet.
func (u *unserved) leave(ctx context.Context) error {
	if u.front != nil {
		u.front.Close()
	}
	if !u.empty {
		return nil
	}
	return u.change(ctx, func(own, _ store.State, _ bool) store.State {
		if own == store.StateInitWait {
			return store.StateInitialising
		}
		return own
	})
}

// change writes the state that next chooses, in a transaction: a directory that is being
// removed isn't brought back.
func (u *unserved) change(ctx context.Context, next func(own, front store.State, online bool) store.State) error {
	err := u.c.Transaction(ctx, func(tx store.Tx) error {
		read := func(path string) string {
			v, err := u.c.Read(ctx, tx, path)
			if err != nil {
				return ""
			}
			return v
		}
		own := store.ParseState(read(u.dir + "/state"))
		front := store.ParseState(read(read(u.dir+"/frontend") + "/state"))
		to := next(own, front, read(u.dir+"/online") != "0")
		if own == store.StateUnknown || to == own {
			return nil
		}
		return u.c.Write(ctx, tx, u.dir+"/state", to.Value())
	})
	if errors.Is(err, syscall.ENOENT) {
		return nil
	}
	return err
}
