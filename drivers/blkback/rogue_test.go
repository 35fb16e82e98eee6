//go:build linux

package blkback_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/ring"
	"github.com/xenidc/idc/runtime/store"
)

// stride is the size of a slot of the x86_64 ABI (xen/include/public/io/blkif.h,
// union blkif_sring_entry).
const stride = 112

// rogue is a front end made by hand, without the stubs and without manners. It puts
// any bytes into its slots.
type rogue struct {
	t       *testing.T
	dom     platform.Domain
	back    platform.DomID
	store   *store.Client
	pages   platform.Grant // the ring
	data    platform.Grant // two pages that the back end may write
	locked  platform.Grant // one that it may only read
	channel platform.Channel
	ring    *ring.Front
	service string
}

// newRogue attaches to a disk in the proper way, as Linux's blkfront does.
func newRogue(w *world, name string) *rogue {
	w.t.Helper()
	r := &rogue{t: w.t, dom: w.domain(), back: w.back.ID(), service: "/idc/vbd@" + name}
	conn, err := r.dom.DialStore(context.Background())
	r.must(err)
	r.store = store.NewClient(conn)
	w.t.Cleanup(func() { r.store.Close() })
	r.pages, err = r.dom.Grant(r.back, 1, platform.ReadWrite)
	r.must(err)
	r.data, err = r.dom.Grant(r.back, 2, platform.ReadWrite)
	r.must(err)
	r.locked, err = r.dom.Grant(r.back, 1, platform.ReadOnly)
	r.must(err)
	w.t.Cleanup(func() { r.pages.Free(); r.data.Free(); r.locked.Free() })
	r.channel, err = r.dom.Listen(r.back)
	r.must(err)
	w.t.Cleanup(func() { r.channel.Close() })
	r.ring, err = ring.NewFront(r.pages.Memory(), stride)
	r.must(err)
	r.handshake()
	return r
}

func (r *rogue) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rogue) dir() string { return fmt.Sprintf("/local/domain/%d/device/vbd/7", r.dom.ID()) }

// write sets a key of ours that the back end may read.
func (r *rogue) write(key, value string) {
	r.t.Helper()
	ctx := context.Background()
	r.must(r.store.Write(ctx, store.NoTx, r.dir()+"/"+key, value))
	r.must(r.store.SetPerms(ctx, store.NoTx, r.dir()+"/"+key, store.Perm{Dom: r.dom.ID()}, store.Perm{Dom: r.back, Rights: store.PermRead}))
}

func (r *rogue) handshake() {
	r.t.Helper()
	r.write("state", store.StateInitialising.Value())
	r.must(r.store.SetPerms(context.Background(), store.NoTx, r.dir(), store.Perm{Dom: r.dom.ID()}, store.Perm{Dom: r.back, Rights: store.PermRead}))
	r.write("backend", r.backDir())
	r.write("backend-id", strconv.Itoa(int(r.back)))
	r.must(r.store.Write(context.Background(), store.NoTx, r.request(), r.dir()))
	r.await(store.StateInitWait)
	r.write("ring-ref", strconv.Itoa(int(r.pages.Refs()[0])))
	r.write("event-channel", strconv.Itoa(int(r.channel.Port())))
	r.write("protocol", "x86_64-abi")
	r.write("state", store.StateInitialised.Value())
	r.await(store.StateConnected)
	r.write("state", store.StateConnected.Value())
}

// leave ends it, so that another front end may attach.
func (r *rogue) leave() {
	r.t.Helper()
	r.must(r.store.Remove(context.Background(), store.NoTx, r.request()))
	r.must(r.store.Remove(context.Background(), store.NoTx, r.dir()))
	r.await(store.StateUnknown)
}

func (r *rogue) request() string { return fmt.Sprintf("%s/fronts/%d-7", r.service, r.dom.ID()) }

func (r *rogue) backDir() string {
	return fmt.Sprintf("/local/domain/%d/backend/vbd/%d/7", r.back, r.dom.ID())
}

// await waits for a state of the back end's.
func (r *rogue) await(want store.State) {
	r.t.Helper()
	got := ""
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		got, _ = r.store.Read(context.Background(), store.NoTx, r.backDir()+"/state")
		if store.ParseState(got) == want {
			return
		}
	}
	r.t.Fatalf("the back end's state is %q, not %v", got, want)
}

// do sends one slot and returns the response: id, operation and status (blkif.h,
// struct blkif_response: 0, 8, 10).
func (r *rogue) do(slot []byte) (id uint64, op uint8, status int16) {
	r.t.Helper()
	r.ring.Put(slot)
	if r.ring.Push() {
		r.channel.Notify()
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Microsecond) {
		n, err := r.ring.Responses()
		r.must(err)
		if n > 0 {
			rsp := make([]byte, 16)
			r.ring.Take(rsp)
			for _, i := range []int{9, 12, 13, 14, 15} {
				if rsp[i] != 0 {
					r.t.Errorf("the padding of a response holds % x", rsp) // XSA-216
				}
			}
			le := binary.LittleEndian
			return le.Uint64(rsp), rsp[8], int16(le.Uint16(rsp[10:]))
		}
	}
	r.t.Fatal("no response")
	return 0, 0, 0
}

// segment is one of struct blkif_request_segment.
type segment struct {
	ref         platform.GrantRef
	first, last uint8
}

// direct encodes struct blkif_request: operation 0, nr_segments 1, id 8,
// sector_number 16, seg 24.
func direct(op, segments uint8, id, sector uint64, segs ...segment) []byte {
	p := make([]byte, stride)
	p[0], p[1] = op, segments
	le := binary.LittleEndian
	le.PutUint64(p[8:], id)
	le.PutUint64(p[16:], sector)
	for i, s := range segs {
		putSegment(p[24+8*i:], s)
	}
	return p
}

func putSegment(p []byte, s segment) {
	binary.LittleEndian.PutUint32(p, uint32(s.ref))
	p[4], p[5] = s.first, s.last
}

// indirect encodes struct blkif_request_indirect: operation 0, indirect_op 1,
// nr_segments 2, id 8, sector_number 16, indirect_grefs 28.
func indirect(op uint8, segments uint16, id, sector uint64, refs ...platform.GrantRef) []byte {
	p := make([]byte, stride)
	p[0], p[1] = 6, op
	le := binary.LittleEndian
	le.PutUint16(p[2:], segments)
	le.PutUint64(p[8:], id)
	le.PutUint64(p[16:], sector)
	for i, ref := range refs {
		le.PutUint32(p[28+4*i:], uint32(ref))
	}
	return p
}

// discard encodes struct blkif_request_discard: operation 0, flag 1, id 8,
// sector_number 16, nr_sectors 24.
func discard(flag uint8, id, sector, n uint64) []byte {
	p := make([]byte, stride)
	p[0], p[1] = 5, flag
	le := binary.LittleEndian
	le.PutUint64(p[8:], id)
	le.PutUint64(p[16:], sector)
	le.PutUint64(p[24:], n)
	return p
}
