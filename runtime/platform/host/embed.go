//go:build linux

package host

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/platform/host/broker"
)

// embedRetry is how long Embed waits before it looks again for a broker that another
// process is just starting, or just ending.
const embedRetry = 10 * time.Millisecond

// Embed joins the broker at path, as [Join] does, and starts one in this process if
// there is none, for programs that come without `idc broker`. Such a broker ends
// with the domain's Close: the other domains then lose the store, and keep their
// links with each other.
func Embed(ctx context.Context, path string, bo broker.Options, opts ...Option) (*Domain, error) {
	if path == "" {
		var err error
		if path, err = usualPath(); err != nil {
			return nil, err
		}
	}
	for {
		d, err := Join(ctx, path, opts...)
		if err == nil || !errors.Is(err, ErrNoBroker) {
			return d, err
		}
		b, err := broker.Start(path, bo)
		if err == nil {
			return joinOwn(ctx, b, opts)
		}
		if !errors.Is(err, broker.ErrRunning) {
			return nil, err
		}
		select {
		case <-time.After(embedRetry):
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), err)
		}
	}
}

// joinOwn joins a broker that ends with the domain.
func joinOwn(ctx context.Context, b *broker.Broker, opts []Option) (*Domain, error) {
	d, err := Join(ctx, b.Path(), opts...)
	if err != nil {
		b.Close()
		return nil, err
	}
	d.embedded = b
	return d, nil
}

// isNoBroker reports whether an error of connect means that nobody listens.
func isNoBroker(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED)
}
