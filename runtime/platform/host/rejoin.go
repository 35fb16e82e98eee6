//go:build linux

package host

import (
	"context"

	"github.com/xenidc/idc/runtime/platform"
)

// stays are the domains that a process has been by one Join, one after another: when the
// broker is lost and another is there, Rejoin takes a new place for the old one.
//
//	Join -> first --broker lost, Rejoin--> second --...--> latest
//
// Everything in it is guarded by turn, which holds an item while somebody has it.
type stays struct {
	turn   chan struct{}
	latest *Domain // nil while it is the first
	closed bool    // by the caller of Join
}

var _ platform.Rejoiner = (*Domain)(nil)

// Rejoin returns the domain that stands in for this one, as [platform.Rejoiner] says.
// While nobody serves the broker's path it fails with [ErrNoBroker]. Only the Domain that
// Join returned may be asked.
func (d *Domain) Rejoin(ctx context.Context) (platform.Domain, error) {
	select {
	case d.stays.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-d.stays.turn }()
	if d.stays.closed {
		return nil, d.wrap("join again", platform.ErrClosed)
	}
	now := d
	if d.stays.latest != nil {
		now = d.stays.latest
	}
	if !now.isLost() {
		return now, nil
	}
	next, err := joinAt(ctx, d.control.path, d.opts)
	if err != nil {
		return nil, err
	}
	d.stays.latest = next
	d.wg.Go(func() { _ = now.end() }) // peers have a moment to notice
	return next, nil
}

// isLost reports whether the broker has ended, or dropped us.
func (d *Domain) isLost() bool {
	select {
	case <-d.control.gone:
		return true
	default:
		return false
	}
}

// Close ends the domain, and the one that stands in for it if there is one. When it
// returns the broker has forgotten it, so that its nodes are gone from the store, and the
// peers have noticed, unless they are slow.
func (d *Domain) Close() error {
	d.stays.turn <- struct{}{}
	defer func() { <-d.stays.turn }()
	if d.stays.closed {
		return platform.ErrClosed
	}
	d.stays.closed = true
	if d.stays.latest != nil {
		_ = d.stays.latest.Close()
	}
	_ = d.end() // it may have been lost
	d.wg.Wait()
	if d.embedded != nil {
		return d.embedded.Close()
	}
	return nil
}
