package transport_test

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/grant"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/sim"
	"github.com/xenidc/idc/runtime/ring"
	"github.com/xenidc/idc/runtime/shm"
	"github.com/xenidc/idc/runtime/transport"
)

// The protocol of these tests, in slots of 64 bytes:
//
//	request   id u64 @0, op u32 @8, count u32 @12, value u64 @16, segments {ref, offset, length u32} @24 (3 at most)
//	response  id u64 @0, value u64 @8
//
// op 0 answers value+1; op 1 fills the bulk data with the byte value; op 2 answers
// the sum of the bulk data; op 3 answers value after a pause of value milliseconds.
const (
	slotSize = 64
	maxSegs  = 3
)

var wire = transport.Wire{Stride: slotSize, Request: slotSize, Response: 16, ResponseID: transport.Field{Offset: 0, Size: 8}}

// pair is a queue and, while connected, a back queue over a simulated platform.
type pair struct {
	t           testing.TB
	front, back *sim.Domain
	queue       *transport.Queue
	buffers     *grant.Set
	served      atomic.Int64
	failed      chan error

	pages   platform.Grant
	channel platform.Channel
	mapping platform.Mapping
	far     platform.Channel
	cache   *grant.Cache
	server  *transport.BackQueue
	workers int
	copies  bool                                        // the back end copies bulk data rather than mapping it
	write   atomic.Pointer[func(*transport.Bulk) error] // what the back end does with data that goes Out
	check   atomic.Pointer[func(*transport.Bulk) error] // and with data that comes In
	spin    time.Duration

	poolPages int // of the next connection
	segments  int // of a request of the next connection
}

type option func(*pair, *transport.Config)

func polled(_ *pair, c *transport.Config) { c.Polled = true }
func asleep(p *pair, c *transport.Config) { c.Spin, p.spin = 0, 0 }
func workers(n int) option                { return func(p *pair, _ *transport.Config) { p.workers = n } }

// copying has the back end copy bulk data.
func copying(p *pair, _ *transport.Config) { p.copies = true }

func newPair(t testing.TB, opts ...option) *pair {
	return newPairIn(t, sim.Options{Dial: noStore}, opts...)
}

func newPairIn(t testing.TB, world sim.Options, opts ...option) *pair {
	testenv.Leaks(t)
	w := sim.New(world)
	p := &pair{t: t, failed: make(chan error, 8), buffers: new(grant.Set), workers: 1, spin: transport.Spin(0), poolPages: 64, segments: maxSegs}
	p.front, p.back = domain(t, w), domain(t, w)
	cfg := transport.Config{
		Depth: ring.Slots(shm.PageSize, slotSize), SlotSize: slotSize,
		MaxSegments: maxSegs, Direct: maxSegs, Alignment: 1, Spin: p.spin,
	}
	for _, o := range opts {
		o(p, &cfg)
	}
	p.queue = transport.NewQueue(cfg)
	pumped := make(chan struct{})
	go func() { p.queue.Pump(); close(pumped) }()
	t.Cleanup(func() {
		p.disconnect(transport.ErrClosed)
		p.queue.Close(transport.ErrClosed)
		<-pumped
		for _, leak := range w.Leaks() {
			t.Error("leaked: ", leak)
		}
		w.Close()
	})
	return p
}

func domain(t testing.TB, w *sim.World) *sim.Domain {
	d, err := w.NewDomain()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// connect makes a new connection.
func (p *pair) connect() {
	p.t.Helper()
	p.pages = must[platform.Grant](p.t)(p.front.Grant(p.back.ID(), 1, platform.ReadWrite))
	front := must[*ring.Front](p.t)(ring.NewFront(p.pages.Memory(), slotSize))
	p.channel = must[platform.Channel](p.t)(p.front.Listen(p.back.ID()))
	pool := must[*grant.Pool](p.t)(grant.NewPool(p.front, p.back.ID(), p.poolPages, platform.ReadWrite))

	p.mapping = must[platform.Mapping](p.t)(p.back.Map(p.front.ID(), p.pages.Refs(), platform.ReadWrite))
	p.far = must[platform.Channel](p.t)(p.back.Bind(p.front.ID(), p.channel.Port()))
	p.cache = grant.NewCache(p.back, p.front.ID(), 128)
	var copier platform.Copier
	if p.copies {
		copier = p.back
	}
	p.server = transport.NewBackQueue(transport.BackConfig{
		Copier: copier,
		Ring:   must[*ring.Back](p.t)(ring.NewBack(p.mapping.Memory(), slotSize)), Channel: p.far, Mapper: p.cache,
		Peer: p.front.ID(), Wire: wire, MaxSegments: maxSegs, Workers: p.workers, Spin: p.spin,
		Handle: p.handle, Failed: p.fail,
	})
	p.queue.Attach(&transport.Link{
		Ring: front, Channel: p.channel, Pool: pool, Buffers: p.buffers, Wire: wire, MaxSegments: p.segments,
		Failed: p.fail,
	}, pool.Close)
}

// fail keeps the first few failures.
func (p *pair) fail(err error) {
	select {
	case p.failed <- err:
	default:
	}
}

// disconnect ends the connection from both ends.
func (p *pair) disconnect(cause error) {
	if p.pages == nil {
		return
	}
	p.channel.Close()
	transport.Detach(cause, p.queue)
	p.abandon()
}

// abandon is the back end's part of disconnect.
func (p *pair) abandon() {
	p.server.Stop(true)
	p.far.Close()
	p.mapping.Unmap()
	p.cache.Close()
	p.pages.Free()
	p.pages = nil
}

// handle is the back end.
func (p *pair) handle(r *transport.Request) {
	p.served.Add(1)
	slot := r.Slot()
	value := binary.LittleEndian.Uint64(slot[16:])
	switch op := binary.LittleEndian.Uint32(slot[8:]); op {
	case 0:
		value++
	case 1, 2:
		value = p.bulk(r, op, value)
	case 3:
		select {
		case <-time.After(time.Duration(value) * time.Millisecond):
		case <-r.Context().Done():
		}
	}
	rsp := r.Respond(16)
	copy(rsp, slot[:8])
	binary.LittleEndian.PutUint64(rsp[8:], value)
}

const badBulk = ^uint64(0)

func (p *pair) bulk(r *transport.Request, op uint32, value uint64) (sum uint64) {
	slot := r.Slot()
	for i := range binary.LittleEndian.Uint32(slot[12:]) {
		s := slot[24+12*i:]
		err := r.AddSegment(transport.Segment{
			Ref:    platform.GrantRef(binary.LittleEndian.Uint32(s)),
			Offset: binary.LittleEndian.Uint32(s[4:]), Length: binary.LittleEndian.Uint32(s[8:]),
		})
		if err != nil {
			return badBulk
		}
	}
	dir, special := transport.Out, p.write.Load()
	if op == 2 {
		dir, special = transport.In, p.check.Load()
	}
	b, err := r.Map(dir)
	if err != nil {
		return badBulk
	}
	if special != nil {
		if err := (*special)(b); err != nil {
			p.t.Error(err)
			return badBulk
		}
		if b.Deliver() != nil {
			return badBulk
		}
		return 0
	}
	for _, piece := range b.Unstable() {
		for i := range piece {
			if op == 1 {
				piece[i] = byte(value)
			}
			sum += uint64(piece[i])
		}
	}
	if b.Deliver() != nil {
		return badBulk
	}
	return sum
}

// call is what encodes a request.
type call struct {
	op    uint32
	value uint64
}

func (c *call) encode(t *transport.Txn) {
	slot := t.Request(slotSize)
	binary.LittleEndian.PutUint64(slot, t.ID())
	binary.LittleEndian.PutUint32(slot[8:], c.op)
	binary.LittleEndian.PutUint64(slot[16:], c.value)
	binary.LittleEndian.PutUint32(slot[12:], uint32(len(t.Segments())))
	for i, s := range t.Segments() {
		at := slot[24+12*i:]
		binary.LittleEndian.PutUint32(at, uint32(s.Ref))
		binary.LittleEndian.PutUint32(at[4:], s.Offset)
		binary.LittleEndian.PutUint32(at[8:], s.Length)
	}
}

func value(t *transport.Txn) uint64 { return binary.LittleEndian.Uint64(t.Response()[8:]) }

// do runs one transaction.
func (p *pair) do(ctx context.Context, op uint32, v uint64, data []byte, replay bool) (uint64, error) {
	dir := transport.Out
	if op == 2 {
		dir = transport.In
	}
	t, err := p.queue.Begin(ctx, data, dir, 1<<10)
	if err != nil {
		return 0, err
	}
	c := call{op, v}
	if err := t.Run(ctx, c.encode, replay); err != nil {
		return 0, err
	}
	defer t.End()
	return value(t), nil
}
