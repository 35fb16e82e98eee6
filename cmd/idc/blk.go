//go:build linux

package main

import (
	"context"
	"errors"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host"
	"github.com/xenidc/idc/runtime/store"
)

type blkCmd struct {
	Serve  serveCmd  `cmd:"" help:"Serve disk images, under names or to domains."`
	Attach attachCmd `cmd:"" help:"Attach a disk by its name or number, and export it over NBD."`
}

// These say why a command ends that could go on in theory: whoever comes later can't
// be met, and nothing is left in a store that isn't there.
var (
	errBrokerGone = errors.New("the broker has ended; start it again ('idc broker'), then this")
	errStoreGone  = errors.New("the connection to xenstored was lost; look after xenstored, then start this again")
)

// untilGone returns a context that ends with the command's. A disk that a toolstack made
// is gone with the store: then it ends when the store's server does, too. A disk that has
// a name is found again by that, where the domain can join again.
func untilGone(ctx context.Context, d platform.Domain, named bool) (context.Context, context.CancelFunc, error) {
	if _, can := d.(platform.Rejoiner); can && named {
		ctx, cancel := context.WithCancel(ctx)
		return ctx, cancel, nil
	}
	conn, err := d.DialStore(ctx)
	if err != nil {
		return nil, nil, err
	}
	c := store.NewClient(conn)
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-c.Done():
			if _, broker := d.(*host.Domain); broker {
				cancel(errBrokerGone)
			} else {
				cancel(errStoreGone)
			}
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil); c.Close() }, nil
}
