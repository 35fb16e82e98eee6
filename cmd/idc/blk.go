//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/xenidc/idc/generated/blk"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/platform/host"
	"github.com/xenidc/idc/runtime/store"
)

type blkCmd struct {
	Serve  serveCmd  `cmd:"" help:"Serve disk images under names."`
	Attach attachCmd `cmd:"" help:"Attach a disk by its name, and export it over NBD."`
}

// errBrokerGone says why a command ends that could go on in theory: whoever comes
// later can't be met, and nothing is left in a store that isn't there.
var errBrokerGone = errors.New("the broker has ended; start it again ('idc broker'), then this")

// untilGone returns a context that ends with the command's, or when the broker ends.
func untilGone(ctx context.Context, d *host.Domain) (context.Context, context.CancelFunc, error) {
	conn, err := d.DialStore(ctx)
	if err != nil {
		return nil, nil, err
	}
	c := store.NewClient(conn)
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-c.Done():
			cancel(errBrokerGone)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil); c.Close() }, nil
}

// waited explains what was waited for in vain for the time t.
func waited(t time.Duration, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("waited %v in vain; is 'idc blk serve' running with that name, at the same broker? %w", t, err)
	}
	return err
}

// frontOptions are the options of every front end.
func frontOptions(e *env, queues int) []idc.Option {
	keys := blk.FrontKeys{FeatureLargeSectorSize: true}
	return []idc.Option{keys.Option(), idc.Queues(queues), idc.RingOrder(ringOrder), idc.Logger(e.log)}
}

// ringOrder is the order of our rings: 4 pages, 128 requests in flight each.
const ringOrder = 2
