//go:build linux

// Package xen makes a program a part of the Xen domain that it runs in: the
// platform for production on Xen. It needs no cgo, no libxc and no privcmd, in a
// domU as little as in dom0.
//
//	grants     /dev/xen/gntalloc    pages of ours that a peer may map
//	           /dev/xen/gntdev      pages of a peer's, mapped or copied
//	events     /dev/xen/evtchn      one descriptor for each channel
//	store      xenstored's socket or /dev/xen/xenbus
//
// All that a program has here belongs to its descriptors, so the kernel takes it
// back however the program ends. Xen can't take a page away from a peer that has it
// mapped: [Domain.Stats] counts those that had to be abandoned.
//
// docs/xen.md tells what must be there, and how each point of the contract is met.
package xen

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
)

// Option adjusts Join.
type Option func(*options)

type options struct {
	store   string
	devices string
	id      platform.DomID
	knowsID bool
}

// WithStore names the store: a unix socket is spoken to as xenstored, a character
// device as the kernel's xenbus device. The default is what [Domain.StorePath]
// tells.
func WithStore(path string) Option { return func(o *options) { o.store = path } }

// WithDevices names the directory of gntalloc, gntdev and evtchn. The default is
// /dev/xen.
func WithDevices(dir string) Option { return func(o *options) { o.devices = dir } }

// WithID tells our number, instead of asking the store for it.
func WithID(id platform.DomID) Option {
	return func(o *options) { o.id, o.knowsID = id, true }
}

// Domain is a program's part in the Xen domain that it runs in. Several may live in
// one process, and in one Xen domain; they share its number. It implements
// [platform.Domain] and [platform.Copier].
type Domain struct {
	id      platform.DomID
	opts    options
	devices devices
	stores  connections
	grants  grantSet
	maps    mapSet
	copies  copyPool
	peers   registry

	// life is held for reading while descriptors are in use, and for writing to close
	// them.
	life   sync.RWMutex
	closed bool
}

var _ platform.Domain = (*Domain)(nil)

// Join makes the caller a part of its Xen domain. It blocks until the store has
// told our number, or ctx ends. What devices there are turns out when they are
// needed, except for evtchn: a back end needs no gntalloc, a front end no gntdev.
func Join(ctx context.Context, opts ...Option) (*Domain, error) {
	o := options{devices: defaultDevices}
	for _, f := range opts {
		f(&o)
	}
	if o.store == "" {
		o.store = findStore()
	}
	d := &Domain{opts: o, devices: devices{dir: o.devices}}
	conn, err := dialStore(ctx, o.store)
	if err != nil {
		return nil, err
	}
	client := store.NewClient(conn)
	if d.id, err = identify(ctx, client, o); err == nil {
		_, err = d.devices.open(evtchn)
	}
	if err != nil {
		client.Close()
		return nil, err
	}
	d.peers.start(d, client)
	return d, nil
}

// ID is our number.
func (d *Domain) ID() platform.DomID { return d.id }

// StorePath is the socket or device through which the store is reached:
// $XENSTORED_PATH or xenstored's socket if there is one, which only the domain that
// xenstored runs in has, else the kernel's device.
func (d *Domain) StorePath() string { return d.opts.store }

// Stats is what a domain holds and has lost.
type Stats struct {
	Granted   int    // pages that are granted now
	Mapped    int    // pages of peers' that are mapped now
	Channels  int    // event channels that are open now
	Abandoned uint64 // pages given up since Join that a peer still held, as far as we could tell
}

// Stats returns the figures of this part of the domain.
func (d *Domain) Stats() Stats {
	s := Stats{Mapped: d.maps.pages(), Channels: d.peers.channels()}
	s.Granted, s.Abandoned = d.grants.count()
	return s
}

// Close releases every grant, channel and connection. Memory that is still held stays
// mapped until its Free or Unmap, since somebody may be touching it: what we granted as
// zeros, what we mapped as it is.
func (d *Domain) Close() error {
	d.life.Lock()
	if d.closed {
		d.life.Unlock()
		return d.wrap("close", platform.ErrClosed)
	}
	d.closed = true
	d.life.Unlock()
	d.peers.stop()
	d.stores.close()
	// Nobody is in a device any more: whoever enters sees that we closed.
	d.grants.close()
	d.devices.close()
	return nil
}

// enter keeps the descriptors open until leave. It fails with ErrClosed after Close.
func (d *Domain) enter() error {
	d.life.RLock()
	if d.closed {
		d.life.RUnlock()
		return platform.ErrClosed
	}
	return nil
}

func (d *Domain) leave() { d.life.RUnlock() }

// wrap says in an error of this domain what failed.
func (d *Domain) wrap(what string, err error) error {
	return fmt.Errorf("xen: domain %d: %s: %w", d.id, what, err)
}

// wrapPeer says in an error what failed with whom.
func (d *Domain) wrapPeer(what string, peer platform.DomID, err error) error {
	return d.wrap(fmt.Sprintf("%s domain %d", what, peer), err)
}

// lacking turns the kernel's words for "no more" into the contract's.
func lacking(err error) error {
	switch err {
	case unix.ENOMEM, unix.ENOSPC, unix.EMFILE, unix.ENFILE:
		return fmt.Errorf("%w: %w", platform.ErrNoSpace, err)
	}
	return err
}
