package idc

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/xenidc/idc/runtime/grant"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/ring"
	"github.com/xenidc/idc/runtime/shm"
	"github.com/xenidc/idc/runtime/store"
	"github.com/xenidc/idc/runtime/transport"
)

// mapper gives access to a front end's pages until Close.
type mapper interface {
	transport.Mapper
	// Sweep unmaps what hasn't been used since the Sweep before the last.
	Sweep() int
	Close()
}

// newMapper maps the pages that one ring names. They stay mapped if the protocol says so,
// or both ends have agreed to keep them.
func (e *backEnd) newMapper(keep bool) mapper {
	switch {
	case e.s.spec.Protocol.Persistent == "":
		return grant.NewCache(e.c.dom, e.at.peer, grant.DefaultMax)
	case keep:
		return writable{grant.NewCache(e.c.dom, e.at.peer, grant.DefaultMax)}
	}
	return oneRequest{e.c.dom, e.at.peer}
}

// writable maps every page for reading and writing, so that one which carries data
// both ways is mapped once. A front end that agreed to persistent grants lets us
// (blkif.h, "feature-persistent"; Linux's blkback maps them so).
type writable struct{ *grant.Cache }

// MapEach maps pages of the front end.
func (w writable) MapEach(refs []platform.GrantRef, _ platform.Access, pages []shm.Memory) error {
	return w.Cache.MapEach(refs, platform.ReadWrite, pages)
}

// UnmapEach ends a MapEach.
func (w writable) UnmapEach(refs []platform.GrantRef, _ platform.Access, pages []shm.Memory) {
	w.Cache.UnmapEach(refs, platform.ReadWrite, pages)
}

// copier copies what isn't worth mapping for one request, on a platform that can.
// What stays mapped anyway is cheaper than that.
func (e *backEnd) copier(m mapper) platform.Copier {
	if _, ok := m.(oneRequest); !ok {
		return nil
	}
	c, _ := e.c.dom.(platform.Copier)
	return c
}

// oneRequest maps pages for the time of one request, and no longer: a front end
// that didn't agree to more takes its grants back when it has the answer.
type oneRequest struct {
	dom   platform.Domain
	front platform.DomID
}

// MapEach maps pages of the front end.
func (o oneRequest) MapEach(refs []platform.GrantRef, access platform.Access, pages []shm.Memory) error {
	return o.dom.MapEach(o.front, refs, access, pages)
}

// UnmapEach ends a MapEach.
func (o oneRequest) UnmapEach(refs []platform.GrantRef, access platform.Access, pages []shm.Memory) {
	o.dom.UnmapEach(o.front, refs, access, pages)
}

// Sweep does nothing: nothing is kept.
func (o oneRequest) Sweep() int { return 0 }

// Close does nothing, too.
func (o oneRequest) Close() {}

// backLink is what a back end makes for one ring of one connection.
type backLink struct {
	pages   platform.Mapping
	channel platform.Channel
	data    mapper
	queue   *transport.BackQueue
}

// offerOf is what a front end published about one ring. All of it is the peer's
// word.
type offerOf struct {
	refs []platform.GrantRef
	port platform.Port
}

func (o offerOf) equal(p offerOf) bool { return o.port == p.port && slices.Equal(o.refs, p.refs) }

// unreadError is why the front end's keys couldn't be read, which isn't its fault.
type unreadError struct{ error }

func (e unreadError) Unwrap() error { return e.error }

func (e *backEnd) keysOfFront(ctx context.Context) *KeyReader {
	return &KeyReader{ctx: ctx, store: e.c.Client, dir: e.at.front}
}

// connect maps what the front end published and begins to serve: Connected.
func (e *backEnd) connect(ctx context.Context) error {
	r := e.keysOfFront(ctx)
	p := e.s.spec.Protocol
	abi := p.named(r.Text("protocol", ""))
	if abi < 0 {
		return fmt.Errorf("%w: unknown protocol %q", ErrProtocol, r.Text("protocol", ""))
	}
	size := p.agreed(r, abi, p.ABIs[abi].Wire.Stride)
	offers, err := e.offers(r)
	if err == nil {
		err = e.s.spec.Accept(r)
	}
	if r.unread != nil {
		return unreadError{r.unread}
	}
	if err = cmp.Or(err, r.Err()); err != nil {
		return err
	}
	w := new(KeyWriter)
	keep := e.publishOwn(w) && p.Persistent != "" && r.Bool(p.Persistent, false)
	for i, o := range offers {
		if err := e.link(o, size, keep); err != nil {
			e.sever(err)
			return fmt.Errorf("ring %d: %w", i, err)
		}
	}
	if err := e.publish(ctx, store.StateConnected, w); err != nil {
		e.sever(err)
		return err
	}
	e.settled, e.offered = false, offers
	if e.complained {
		e.forgive(ctx)
	}
	e.idle.Store(nil)
	e.connected()
	e.serve(abi, size)
	e.log.Info("connected", "abi", p.ABIs[abi].Name, "queues", len(e.links))
	return nil
}

// offers reads the keys of the rings and bounds what they say.
func (e *backEnd) offers(r *KeyReader) ([]offerOf, error) {
	spec := e.s.spec.Protocol.Ring
	queues, order := uint64(1), uint64(0)
	if spec.Queues != "" {
		queues = r.Uint(spec.Queues, 32, 1)
	}
	numbered := false
	if spec.Order != "" {
		numbered = r.Text(spec.Order, "") != ""
		order = r.Uint(spec.Order, 32, 0)
	}
	if queues < 1 || queues > uint64(e.s.opt.queues) {
		return nil, &ProtocolError{Field: spec.Queues, Value: queues}
	}
	if order > uint64(min(e.s.opt.order, spec.Orders)) {
		return nil, &ProtocolError{Field: spec.Order, Value: order}
	}
	offers := make([]offerOf, queues)
	for i := range offers {
		dir := ""
		if queues > 1 {
			dir = fmt.Sprintf("%s%d/", queueDir, i)
		}
		offers[i] = e.offerAt(r, dir, int(order), numbered)
	}
	return offers, nil
}

// offerAt reads one ring's keys. Where the order is published at all, even 0, the
// references have numbers (blkif.h, note 6, as Linux and QEMU read it).
func (e *backEnd) offerAt(r *KeyReader, dir string, order int, numbered bool) offerOf {
	spec := e.s.spec.Protocol.Ring
	o := offerOf{port: platform.Port(r.Uint(dir+spec.Port, 32, 0))}
	for n := range 1 << order {
		name := dir + spec.Ref
		if numbered {
			name = fmt.Sprintf("%s%s%d", dir, spec.Ref, n)
		}
		o.refs = append(o.refs, platform.GrantRef(r.Uint(name, 32, 0)))
	}
	return o
}

// link maps one ring and binds its channel. Nobody serves it yet.
func (e *backEnd) link(o offerOf, size slots, keep bool) error {
	pages, err := e.c.dom.Map(e.at.peer, o.refs, platform.ReadWrite)
	if err != nil {
		return fmt.Errorf("map %d pages: %w", len(o.refs), err)
	}
	channel, err := e.c.dom.Bind(e.at.peer, o.port)
	if err != nil {
		pages.Unmap()
		return fmt.Errorf("bind port %d: %w", o.port, err)
	}
	announce(pages, channel, e.log)
	e.links = append(e.links, &backLink{pages: pages, channel: channel, data: e.newMapper(keep)})
	_, err = ring.NewBack(pages.Memory(), size.stride)
	return err
}

// serve starts the workers.
func (e *backEnd) serve(abi int, size slots) {
	p, o := e.s.spec.Protocol, e.s.opt
	list := 0
	if p.SegmentSize > 0 {
		list = shm.PageSize
	}
	report := failed(e.failure)
	for _, k := range e.links {
		back, err := ring.NewBack(k.pages.Memory(), size.stride)
		if err != nil {
			report(err)
			continue
		}
		k.queue = transport.NewBackQueue(transport.BackConfig{
			Ring: back, Channel: k.channel, Mapper: k.data, Copier: e.copier(k.data), Peer: e.at.peer,
			Wire: p.ABIs[abi].Wire, Fill: size.fill, ABI: abi, MaxSegments: p.MaxSegments, ListBytes: list,
			Workers: o.workers, Spin: o.spin, Handle: e.s.spec.Handle, Failed: report,
			Contain: !o.die, Report: e.s.reports.served, Observe: o.observe != nil,
		})
	}
}

// sweepTime is how often pages that stay mapped are looked through: those that weren't used
// for that long are the front end's again (as with blkback, 60 s by default:
// persistent_grant_unused_seconds, drivers/block/xen-blkback/blkback.c).
const sweepTime = time.Minute

func (e *backEnd) sweep() {
	for _, k := range e.links {
		k.data.Sweep()
	}
}

// sever ends the connection, whatever of it there is: requests that were taken are
// finished, then everything of the front end's is unmapped. A handler that doesn't return
// is waited for, since what it does late must not come after what the next connection
// brings; but not for ever once the service is to end. Then it keeps what it uses.
func (e *backEnd) sever(cause error) {
	if len(e.links) > 0 {
		e.log.Info("disconnected", "cause", cause)
		e.setIdle()
	}
	for _, k := range e.links {
		over := make(chan struct{})
		go func() {
			defer close(over)
			k.close(cause != ErrClosed)
		}()
		select {
		case <-over:
		case <-e.late.Done():
			e.left++
			e.log.Error("a handler doesn't return; it is left behind", "waited", closeTime)
		}
	}
	e.links = nil
	e.failure = make(chan error, 1) // a late failure of these links finds nobody
}

// close ends the use of the ring. If abort, handlers are asked at once to give up.
func (k *backLink) close(abort bool) {
	if k.queue != nil {
		k.queue.Stop(abort)
	}
	k.channel.Close()
	k.pages.Unmap()
	k.data.Close()
}
