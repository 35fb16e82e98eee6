package idc_test

import (
	"context"
	"encoding/binary"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/sim"
	"github.com/xenidc/idc/runtime/store"
)

// The protocol of these tests: requests {id u64, value u64} of 16 bytes, answered
// {id u64, value+1 u64}; two ABIs that are laid out alike; the back end's key "most"
// must be a number.
var protocol = idc.Protocol{
	Name: "count", Device: "vcount", DefaultABI: 0,
	ABIs: []idc.ABI{
		{Name: "one-abi", Arch: "amd64", Wire: countWire},
		{Name: "other-abi", Arch: "386", Wire: countWire},
	},
	Ring: idc.RingSpec{
		Ref: "ring-ref", Order: "ring-page-order", MaxOrder: "max-ring-page-order", Orders: 2,
		Port: "event-channel", Queues: "multi-queue-num-queues", MaxQueues: "multi-queue-max-queues",
	},
	MaxSegments: 4, Direct: 4, Alignment: 1,
}

var countWire = idc.Wire{Stride: 16, Request: 16, Response: 16, ResponseID: idc.Field{Offset: 0, Size: 8}}

// world is a simulated world with a store.
type world struct {
	*sim.World
	t     testing.TB
	store *store.Server
}

func newWorld(t testing.TB) *world { return newWorldOf(t, sim.Options{}) }

// newWorldOf makes a world of its options, but for the store.
func newWorldOf(t testing.TB, opts sim.Options) *world {
	testenv.Leaks(t)
	w := &world{t: t, store: store.NewServer(store.Options{Quota: store.HostQuota(), Shared: store.Discovery(nil)})}
	opts.Dial = func(_ context.Context, dom platform.DomID) (io.ReadWriteCloser, error) {
		ours, theirs := pipe()
		go w.store.Serve(theirs, dom, false)
		return ours, nil
	}
	w.World = sim.New(opts)
	t.Cleanup(func() {
		for _, leak := range w.Leaks() {
			t.Error("leaked: ", leak)
		}
		w.Close()
		w.store.Close()
	})
	return w
}

func (w *world) try(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) domain() platform.Domain {
	w.t.Helper()
	d, err := w.NewDomain()
	w.try(err)
	root := w.store.Local()
	defer root.Close()
	ctx, home := context.Background(), store.DomainPath(d.ID())
	w.try(root.Mkdir(ctx, 0, home))
	w.try(root.SetPerms(ctx, 0, home, store.Perm{Dom: d.ID(), Rights: store.PermNone}))
	w.store.Introduce(d.ID())
	return d
}

// client is a connection of d's own to the store.
func (w *world) client(d platform.Domain) *store.Client {
	w.t.Helper()
	conn, err := d.DialStore(context.Background())
	w.try(err)
	return store.NewClient(conn)
}

// kill ends a domain as the death of its process would.
func (w *world) kill(d platform.Domain) {
	w.Kill(d.ID())
	w.store.RemoveOwnedBy(d.ID())
	w.store.Release(d.ID())
}

// tree returns every node below path as the store's owner sees it.
func (w *world) tree(path string) (nodes []string) {
	root := w.store.Local()
	defer root.Close()
	names, err := root.List(context.Background(), 0, path)
	if err != nil {
		return nil
	}
	for _, n := range names {
		nodes = append(nodes, path+"/"+n)
		nodes = append(nodes, w.tree(path+"/"+n)...)
	}
	return nodes
}

// counter is a back end.
type counter struct {
	served atomic.Int64
	hold   chan struct{} // if not nil, requests wait for it
}

func (c *counter) spec() idc.BackSpec {
	return idc.BackSpec{
		Protocol: &protocol,
		Publish:  func(w *idc.KeyWriter) { w.Uint("most", 4) },
		Accept:   func(*idc.KeyReader) error { return nil },
		Handle: func(r *idc.Request) {
			c.served.Add(1)
			if c.hold != nil {
				select {
				case <-c.hold:
				case <-r.Context().Done():
				}
			}
			rsp := r.Respond(16)
			copy(rsp, r.Slot()[:8])
			binary.LittleEndian.PutUint64(rsp[8:], binary.LittleEndian.Uint64(r.Slot()[8:])+1)
		},
	}
}

func frontSpec() idc.FrontSpec {
	return idc.FrontSpec{
		Protocol: &protocol,
		Publish:  func(w *idc.KeyWriter) { w.Text("hello", "there") },
		Negotiate: func(r *idc.KeyReader) (int, error) {
			return int(r.Uint("most", 8, 1)), nil
		},
	}
}

func add(ctx context.Context, f *idc.Front, v uint64, replay bool) (uint64, error) {
	t, err := f.Begin(ctx, nil, 0, 0)
	if err != nil {
		return 0, err
	}
	err = t.Run(ctx, func(t *idc.Txn) {
		slot := t.Request(16)
		binary.LittleEndian.PutUint64(slot, t.ID())
		binary.LittleEndian.PutUint64(slot[8:], v)
	}, replay)
	if err != nil {
		return 0, err
	}
	defer t.End()
	return binary.LittleEndian.Uint64(t.Response()[8:]), nil
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// check calls add until it works and compares.
func check(t testing.TB, f *idc.Front, v uint64) {
	t.Helper()
	if got, err := add(within(t, 10*time.Second), f, v, true); err != nil || got != v+1 {
		t.Fatalf("add %d: %d, %v (%v)", v, got, err, f.Connected(within(t, time.Millisecond)))
	}
}

// Several processes of one domain begin to number their devices alike, also at the same
// time: each front end gets one of its own.
func TestFrontsOfTwoProcesses(t *testing.T) {
	w := newWorld(t)
	front, back := w.domain(), w.domain()
	s := idc.NewService(back, "c", new(counter).spec())
	defer s.Close()
	var downs atomic.Int64
	var fronts []*idc.Front
	for range 8 {
		idc.NumberAnew()
		f := idc.NewFront(front, "c", frontSpec(), idc.OnDisconnect(func(error) { downs.Add(1) }))
		defer f.Close()
		fronts = append(fronts, f)
	}
	for v, f := range fronts {
		check(t, f, uint64(v))
	}
	idc.NumberAnew()
	late := idc.NewFront(front, "c", frontSpec())
	defer late.Close()
	check(t, late, 1)
	if n := downs.Load(); n > 0 {
		t.Errorf("%d front ends lost their connection to another", n)
	}
}
