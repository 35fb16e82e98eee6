package idc

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/xenidc/idc/runtime/store"
)

// adopt takes over a device in whatever state it is. A front end that is connected to
// our predecessor has to begin again: which of its requests were carried out only that
// one knew. One of ours does so; Linux's blkfront gives its disk up instead.
func (e *backEnd) adopt(ctx context.Context) (err error) {
	if e.own, err = readState(ctx, e.c.Client, e.at.back); err != nil {
		return err
	}
	front, err := readState(ctx, e.c.Client, e.at.front)
	if err != nil {
		return err
	}
	e.forgive(ctx)
	switch e.own {
	case store.StateUnknown:
		return fmt.Errorf("%s was removed", e.at.back)
	case store.StateClosing, store.StateClosed:
		return nil
	case store.StateConnected:
		if front == store.StateInitialised || front == store.StateConnected {
			e.log.Warn("the front end is still connected to a back end that died; it has to connect again", "state", front)
			return e.publish(ctx, store.StateClosing, nil)
		}
		return nil
	}
	e.own = store.StateInitialising // what we offer is ours to say
	return e.await(ctx)
}

// heed looks at what a toolstack did with our state: libxl takes a device away by
// writing Closing there, and online 0, and removes it when the state is Closed
// (libxl__initiate_device_generic_remove, tools/libs/light/libxl_device.c).
func (e *backEnd) heed(ctx context.Context) (gone bool, err error) {
	if e.made {
		return false, nil
	}
	own, err := readState(ctx, e.c.Client, e.at.back)
	if err != nil || own == e.own {
		return false, err
	}
	e.log.Info("the toolstack changed our state", "from", e.own, "to", own)
	e.own = own
	if own == store.StateUnknown {
		e.sever(ErrDisconnected)
	}
	return own == store.StateUnknown, nil
}

// removed makes of an error that says that the directory isn't there any more the end
// of the device.
func (e *backEnd) removed(err error) (gone bool, rest error) {
	if !e.made && errors.Is(err, syscall.ENOENT) {
		e.sever(ErrDisconnected)
		return true, nil
	}
	return false, err
}
