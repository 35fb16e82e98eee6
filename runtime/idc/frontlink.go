package idc

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/xenidc/idc/runtime/grant"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/ring"
	"github.com/xenidc/idc/runtime/shm"
	"github.com/xenidc/idc/runtime/store"
	"github.com/xenidc/idc/runtime/transport"
)

// frontLink is what a front end makes for one ring of one connection.
type frontLink struct {
	pages   platform.Grant
	ring    *ring.Front
	channel platform.Channel
	fill    bool
}

func (k *frontLink) close() {
	k.channel.Close()
	k.pages.Free()
}

// leftovers are the pools of a connection's pages that nothing uses any more, but the
// peer may still have mapped. Release may come before the last user is gone.
type leftovers struct {
	mu       sync.Mutex
	released bool
	pools    []*grant.Pool
}

// closer returns what closes a pool, at once or when it is released.
func (o *leftovers) closer(pool *grant.Pool) func() {
	return func() {
		o.mu.Lock()
		released := o.released
		if !released {
			o.pools = append(o.pools, pool)
		}
		o.mu.Unlock()
		if released {
			pool.Close()
		}
	}
}

// release closes the pools, and those that come later at once.
func (o *leftovers) release() {
	o.mu.Lock()
	pools := o.pools
	o.pools, o.released = nil, true
	o.mu.Unlock()
	for _, pool := range pools {
		pool.Close()
	}
}

// devices numbers the device directories of this process. It never uses a number again,
// so nothing left of an old one is taken for a new one's.
var devices atomic.Int64

func nextDev() int { return int(devices.Add(1) - 1) }

// pageLimit bounds the pages that a connection bounces ordinary buffers through,
// for a queue: 32 MiB. Requests beyond it wait for others.
const pageLimit = 8192

// prepare makes rings and channels and publishes them: Initialised.
func (l *frontLife) prepare(ctx context.Context) error {
	p := l.spec.Protocol
	r := &KeyReader{ctx: ctx, store: l.c.Client, dir: l.at.back}
	order, queues := 0, 1
	size := p.agreed(r, l.abi, slotAlign)
	if p.Ring.MaxOrder != "" {
		order = l.order(int(r.Uint(p.Ring.MaxOrder, 8, 0)))
	}
	if p.Ring.MaxQueues != "" {
		queues = max(1, min(len(l.queues), int(r.Uint(p.Ring.MaxQueues, 16, 1))))
	}
	if err := r.Err(); err != nil {
		return err
	}
	w, err := l.replaceRings(ctx)
	if err != nil {
		return err
	}
	for i := range queues {
		k, err := l.newLink(order, size)
		if err != nil {
			return fmt.Errorf("ring %d: %w", i, err)
		}
		l.links = append(l.links, k)
		l.publishRing(w, i, queues, k)
	}
	if queues > 1 {
		w.Uint(p.Ring.Queues, uint64(queues))
	}
	if order > 0 {
		w.Uint(p.Ring.Order, uint64(order))
	}
	w.Text("protocol", p.ABIs[l.abi].Name)
	p.publishGrowth(w, size.stride)
	l.spec.Publish(w)
	if l.opt.publish != nil {
		l.opt.publish(w)
	}
	l.opt.keep(w, p)
	return l.publish(ctx, store.StateInitialised, w)
}

// replaceRings makes a writer of keys in whose place those go that the last connection's
// rings had: a key that is only written for several pages or queues would be taken
// for this one's. Linux's blkback refuses a front end that says so and names none.
func (l *frontLife) replaceRings(ctx context.Context) (*KeyWriter, error) {
	names, err := l.c.List(ctx, store.NoTx, l.at.front)
	if err != nil {
		return nil, fmt.Errorf("list what was published before: %w", err)
	}
	return &KeyWriter{old: slices.DeleteFunc(names, func(name string) bool { return !l.spec.Protocol.Ring.has(name) })}, nil
}

func (l *frontLife) newLink(order int, size slots) (*frontLink, error) {
	pages, err := l.c.dom.Grant(l.at.peer, 1<<order, platform.ReadWrite)
	if err != nil {
		return nil, err
	}
	front, err := ring.NewFront(pages.Memory(), size.stride)
	if err != nil {
		pages.Free()
		return nil, err
	}
	channel, err := l.c.dom.Listen(l.at.peer)
	if err != nil {
		pages.Free()
		return nil, err
	}
	announce(pages, channel, l.log)
	return &frontLink{pages, front, channel, size.fill}, nil
}

// publishRing adds the keys of one ring. With several queues each has a directory;
// a ring of one page has its reference in a key without number (blkif.h, "Multiple
// hardware queues/rings" and note 6).
func (l *frontLife) publishRing(w *KeyWriter, i, queues int, k *frontLink) {
	spec, dir := l.spec.Protocol.Ring, ""
	if queues > 1 {
		dir = fmt.Sprintf("%s%d/", queueDir, i)
	}
	refs := k.pages.Refs()
	if len(refs) == 1 {
		w.Uint(dir+spec.Ref, uint64(refs[0]))
	} else {
		for n, ref := range refs {
			w.Uint(fmt.Sprintf("%s%s%d", dir, spec.Ref, n), uint64(ref))
		}
	}
	w.Uint(dir+spec.Port, uint64(k.channel.Port()))
}

// connect reads what the back end published and lets transactions flow: Connected.
func (l *frontLife) connect(ctx context.Context) error {
	r := &KeyReader{ctx: ctx, store: l.c.Client, dir: l.at.back}
	l.stale = false
	segments, err := l.spec.Negotiate(r)
	if err == nil {
		err = r.Err()
	}
	if most := l.spec.Protocol.MaxSegments; err == nil && most > 0 && segments < 1 {
		err = fmt.Errorf("%w: it takes requests of %d segments", ErrProtocol, segments)
	}
	if err != nil {
		return fmt.Errorf("what the back end published: %w", err)
	}
	segments = min(segments, l.spec.Protocol.MaxSegments)
	if l.opt.most > 0 {
		segments = min(segments, l.opt.most)
	}
	links := make([]*transport.Link, len(l.links))
	for i, k := range l.links {
		if links[i], err = l.newTransportLink(l.queues[i], k, segments); err != nil {
			closePools(links)
			return err
		}
	}
	if err := l.publish(ctx, store.StateConnected, nil); err != nil {
		closePools(links)
		return err
	}
	l.reclaim(peer{l.c.dom, l.at.peer})
	l.rings.Store(uint32(len(links)))
	l.segments.Store(uint32(segments))
	for i, q := range l.queues {
		if i < len(links) {
			q.Attach(links[i], l.pools.closer(links[i].Pool))
		} else {
			q.Strand(notConnected("the back end has fewer rings than before"))
		}
	}
	l.backoff.reset(l.at.peer)
	l.trust.connected(l.c.dom, l.at.peer)
	l.setUp(peer{l.c.dom, l.at.peer})
	l.callbacks.call(l.stopping, l.opt.onConnect)
	return nil
}

// reread reads the keys again that the back end has published while connected.
// Nonsense in them changes nothing.
func (l *frontLife) reread(ctx context.Context) error {
	l.stale = false
	if l.spec.Refresh == nil {
		return nil
	}
	changed, err := l.spec.Refresh(&KeyReader{ctx: ctx, store: l.c.Client, dir: l.at.back})
	if err != nil {
		l.log.Warn("the back end published other keys, which make no sense", "err", err)
		return l.c.Err()
	}
	if changed {
		l.log.Info("the back end published other keys")
		l.callbacks.call(l.stopping, l.opt.onChange)
	}
	return nil
}

func closePools(links []*transport.Link) {
	for _, link := range links {
		if link != nil {
			link.Pool.Close()
		}
	}
}

func (l *frontLife) newTransportLink(q *transport.Queue, k *frontLink, segments int) (*transport.Link, error) {
	p := l.spec.Protocol
	pool, err := l.newPool(q.Pages(1, min(segments, max(p.Direct, 1)))+q.Pages(1, segments)-segments, min(pageLimit, q.Pages(k.ring.Slots(), segments)))
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return &transport.Link{
		Ring: k.ring, Channel: k.channel, Pool: pool, Buffers: l.set(peer{l.c.dom, l.at.peer}),
		Wire: p.ABIs[l.abi].Wire, Fill: k.fill, ABI: l.abi, MaxSegments: segments, Device: l.at.dev, Failed: failed(l.failure),
	}, nil
}

// newPool makes the pages for bulk data: those that a plain request needs at once, and up
// to most as they are needed, since most front ends never need them all, and gntalloc
// allows a whole system 1024 by default.
func (l *frontLife) newPool(first, most int) (*grant.Pool, error) {
	first = max(first, 1)
	pool, err := grant.GrowingPool(l.c.dom, l.at.peer, first, most, platform.ReadWrite, func(err error) {
		l.log.Info("fewer pages for bulk data than would be best", "want", most, "err", err)
	})
	if err != nil {
		return nil, fmt.Errorf("%d pages of %d bytes for bulk data: %w", first, shm.PageSize, err)
	}
	return pool, nil
}

// setUp lets Connected return.
func (f *Front) setUp(p peer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.peer, f.isUp, f.reason = p, true, nil
	close(f.up)
	f.log.Info("connected", "back", p.id)
}

// setDown makes Connected wait, and notes why. It reports whether we were up.
func (f *Front) setDown(reason error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.isUp
	f.isUp, f.reason = false, reason
	if was {
		f.up = make(chan struct{})
		f.log.Info("disconnected", "cause", reason)
	}
	return was
}
