package sim

import (
	"context"
	"fmt"
	"io"

	"github.com/xenidc/idc/runtime/platform"
)

// Domain is one domain of a World. It is a platform.Domain.
type Domain struct {
	w     *World
	id    platform.DomID
	being *being
	ports ports

	// Guarded by w.mu.
	ended  bool
	grants grantTable
	maps   mapCount
	conns  map[*storeConn]struct{}
}

var _ platform.Domain = (*Domain)(nil)

func newDomain(w *World, id platform.DomID, b *being) *Domain {
	return &Domain{
		w: w, id: id, being: b,
		ports: newPorts(w.opts.Ports),
		conns: map[*storeConn]struct{}{},
	}
}

// ID is the domain's number.
func (d *Domain) ID() platform.DomID { return d.id }

// Close ends the domain in good order: its grants are revoked, its mappings and
// channels end, blocked calls return platform.ErrClosed.
func (d *Domain) Close() error {
	if !d.end(true) {
		return d.errClosed()
	}
	return nil
}

// end releases everything the domain holds. With revoke, memory that peers have
// mapped is taken from them. It returns false when the domain had ended before.
func (d *Domain) end(revoke bool) bool {
	d.w.mu.Lock()
	if d.ended {
		d.w.mu.Unlock()
		return false
	}
	d.ended = true
	d.dropGrants(revoke)
	d.dropMappings()
	d.closeChannels()
	d.dropFIFOs()
	conns := d.conns
	d.conns = nil
	close(d.being.gone)
	d.w.mu.Unlock()

	for c := range conns {
		c.Close()
	}
	d.w.store.release(d.id)
	return true
}

// DialStore connects to the world's store, or through Options.Dial.
func (d *Domain) DialStore(ctx context.Context) (io.ReadWriteCloser, error) {
	if err := d.w.at(OpDialStore, d.id); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("sim: connect domain %d to the store: %w", d.id, err)
	}
	raw, err := d.w.store.dial(ctx, d.id)
	if err != nil {
		return nil, fmt.Errorf("sim: connect domain %d to the store: %w", d.id, err)
	}
	c := &storeConn{ReadWriteCloser: raw, d: d}
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	if d.ended {
		raw.Close()
		return nil, d.errClosed()
	}
	d.conns[c] = struct{}{}
	return c, nil
}

// leaks describes what the domain holds.
func (d *Domain) leaks() (leaks []string) {
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	if d.ended {
		return nil
	}
	say := func(format string, args ...any) {
		leaks = append(leaks, fmt.Sprintf("domain %d: ", d.id)+fmt.Sprintf(format, args...))
	}
	d.grants.each(func(ref platform.GrantRef, e *entry) {
		say("grant %d to domain %d, mapped %d times", ref, e.peer, e.maps)
	})
	if d.maps.live != 0 {
		say("%d pages mapped (less than 0: unmapped more than mapped)", d.maps.live)
	}
	d.ports.each(func(c *channel) { say("port %d of a channel with domain %d", c.port, c.peer) })
	if n := len(d.conns); n > 0 {
		say("%d store connections", n)
	}
	return leaks
}

// errClosed is the error of every method after the domain's end.
func (d *Domain) errClosed() error { return fmt.Errorf("sim: domain %d: %w", d.id, platform.ErrClosed) }

// storeConn is a store connection that its domain knows of.
type storeConn struct {
	io.ReadWriteCloser
	d *Domain
}

// Close ends the connection.
func (c *storeConn) Close() error {
	c.d.w.mu.Lock()
	delete(c.d.conns, c)
	c.d.w.mu.Unlock()
	return c.ReadWriteCloser.Close()
}
