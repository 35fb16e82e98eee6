package ring

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/xenidc/idc/runtime/shm"
)

// The types below are ring.h's macros word for word, with a struct instead of
// shared memory. They know nothing of the code under test.

type hSring struct{ reqProd, reqEvent, rspProd, rspEvent uint32 }

type hFront struct {
	reqProdPvt, rspCons, nrEnts uint32
	s                           *hSring
}

type hBack struct {
	rspProdPvt, reqCons, nrEnts uint32
	s                           *hSring
}

func (r *hFront) freeRequests() uint32 { return r.nrEnts - (r.reqProdPvt - r.rspCons) } // RING_FREE_REQUESTS

func (r *hFront) unconsumed() uint32 { return r.s.rspProd - r.rspCons } // XEN_RING_NR_UNCONSUMED_RESPONSES

func (r *hFront) overflow() bool { return r.s.rspProd-r.rspCons > r.nrEnts } // RING_RESPONSE_PROD_OVERFLOW

func (r *hFront) push() bool { // RING_PUSH_REQUESTS_AND_CHECK_NOTIFY
	old, next := r.s.reqProd, r.reqProdPvt
	r.s.reqProd = next
	return next-r.s.reqEvent < next-old
}

func (r *hFront) finalCheck() bool { // RING_FINAL_CHECK_FOR_RESPONSES
	if r.unconsumed() != 0 {
		return true
	}
	r.s.rspEvent = r.rspCons + 1
	return r.unconsumed() != 0
}

func (r *hBack) unconsumed() uint32 { // XEN_RING_NR_UNCONSUMED_REQUESTS
	req := r.s.reqProd - r.reqCons
	rsp := r.nrEnts - (r.reqCons - r.rspProdPvt)
	return min(req, rsp)
}

func (r *hBack) overflow() bool { return r.s.reqProd-r.rspProdPvt > r.nrEnts } // RING_REQUEST_PROD_OVERFLOW

func (r *hBack) push() bool { // RING_PUSH_RESPONSES_AND_CHECK_NOTIFY
	old, next := r.s.rspProd, r.rspProdPvt
	r.s.rspProd = next
	return next-r.s.rspEvent < next-old
}

func (r *hBack) finalCheck() bool { // RING_FINAL_CHECK_FOR_REQUESTS
	if r.unconsumed() != 0 {
		return true
	}
	r.s.reqEvent = r.reqCons + 1
	return r.unconsumed() != 0
}

// model drives both implementations with the same steps.
type model struct {
	t    *testing.T
	mem  shm.Memory
	f    *Front
	b    *Back
	hf   hFront
	hb   hBack
	hs   hSring
	sent uint32 // value of the next request
	took uint32
	done uint32
	got  uint32
}

func newModel(t *testing.T, slots, stride int, at uint32) *model {
	m := &model{t: t, hs: hSring{at, at + 1, at, at + 1}}
	m.f, m.b, m.mem = pair(t, slots, stride)
	move(m.f, m.b, m.mem, at)
	m.hf = hFront{at, at, uint32(slots), &m.hs}
	m.hb = hBack{at, at, uint32(slots), &m.hs}
	return m
}

// same fails unless the shared words are those of the model.
func (m *model) same(step string) {
	m.t.Helper()
	got := hSring{m.mem.Load32(reqProd), m.mem.Load32(reqEvent), m.mem.Load32(rspProd), m.mem.Load32(rspEvent)}
	if got != m.hs {
		m.t.Fatalf("after %s: header %+v, want %+v", step, got, m.hs)
	}
}

func (m *model) equal(step string, got, want any) {
	m.t.Helper()
	if got != want {
		m.t.Fatalf("%s: %v, want %v; header %+v", step, got, want, m.hs)
	}
}

const frontSteps, allSteps = 4, 8

// step does one thing on both, if it can be done now.
func (m *model) step(op int) {
	m.t.Helper()
	var slot [4]byte
	switch op % allSteps {
	case 0:
		m.equal("free", uint32(m.f.Free()), m.hf.freeRequests())
		if m.f.Free() > 0 {
			binary.NativeEndian.PutUint32(slot[:], m.sent)
			m.sent++
			m.f.Put(slot[:])
			m.hf.reqProdPvt++
		}
	case 1:
		m.equal("front push", m.f.Push(), m.hf.push())
	case 2:
		m.takeResponse()
	case 3:
		m.frontArm()
	case 4:
		m.takeRequest()
	case 5:
		if m.b.Outstanding() > 0 {
			binary.NativeEndian.PutUint32(slot[:], ^m.done)
			m.done++
			m.b.Put(slot[:])
			m.hb.rspProdPvt++
		}
	case 6:
		m.equal("back push", m.b.Push(), m.hb.push())
	case 7:
		m.backArm()
	}
	m.same(fmt.Sprint("step ", op%allSteps))
}

func (m *model) takeResponse() {
	m.t.Helper()
	n, err := m.f.Responses()
	m.equal("front overflow", err != nil, m.hf.overflow())
	m.equal("any response", n > 0, m.hf.unconsumed() > 0)
	if uint32(n) > m.hf.unconsumed() {
		m.t.Fatalf("%d responses of %d", n, m.hf.unconsumed())
	}
	if n == 0 {
		return
	}
	var slot [4]byte
	m.f.Take(slot[:])
	m.hf.rspCons++
	m.equal("response", binary.NativeEndian.Uint32(slot[:]), ^m.got)
	m.got++
}

func (m *model) takeRequest() {
	m.t.Helper()
	n, err := m.b.Requests()
	m.equal("back overflow", err != nil, m.hb.overflow())
	m.equal("any request", n > 0, m.hb.unconsumed() > 0)
	if uint32(n) > m.hb.unconsumed() {
		m.t.Fatalf("%d requests of %d", n, m.hb.unconsumed())
	}
	if n == 0 {
		return
	}
	var slot [4]byte
	m.b.Take(slot[:])
	m.hb.reqCons++
	m.equal("request", binary.NativeEndian.Uint32(slot[:]), m.took)
	m.took++
}

func (m *model) frontArm() {
	m.t.Helper()
	p, err := m.f.Arm()
	m.equal("front arm", p, m.hf.finalCheck())
	m.equal("front arm error", err, error(nil))
}

func (m *model) backArm() {
	m.t.Helper()
	p, err := m.b.Arm()
	m.equal("back arm", p, m.hb.finalCheck())
	m.equal("back arm error", err, error(nil))
}

// TestModel takes random steps on every size of ring, starting where indices
// begin and where they wrap. Every size and start drains at the end.
func TestModel(t *testing.T) {
	for slots := 1; slots <= 512; slots *= 2 {
		for _, at := range []uint32{0, -uint32(slots) - 5, 1<<31 - 7, 1<<32 - 1} {
			m := newModel(t, slots, 112, at)
			rnd := rand.New(rand.NewPCG(uint64(slots), uint64(at)))
			bias := 0
			for i := range 20 * (slots + 50) {
				if i%(2*slots+10) == 0 {
					bias = rnd.IntN(allSteps) // so that rings fill up, too
				}
				op := rnd.IntN(allSteps + 4)
				if op >= allSteps {
					op = bias
				}
				m.step(op)
			}
			m.drain()
		}
	}
}

// drain ends all that is outstanding.
func (m *model) drain() {
	m.t.Helper()
	for range m.f.Slots() + 1 {
		for _, op := range []int{1, 4, 5, 6, 2} {
			m.step(op)
		}
	}
	for range m.f.Slots() {
		m.step(2)
	}
	m.equal("outstanding", m.f.Outstanding()+m.b.Outstanding(), 0)
	m.equal("answers", m.got, m.sent)
}

// TestNotifyExhaustive compares Push with ring.h for every event word near a push
// of every length on every small ring, across the wrap.
func TestNotifyExhaustive(t *testing.T) {
	for _, slots := range []int{1, 2, 4, 8} {
		for at := ^uint32(0) - 9; at != 10; at++ {
			for n := 1; n <= slots; n++ {
				for event := at - 12; event != at+12; event++ {
					notifyOnce(t, slots, n, at, event)
				}
			}
		}
	}
}

func notifyOnce(t *testing.T, slots, n int, at, event uint32) {
	t.Helper()
	m := newModel(t, slots, 4, at)
	m.hs.reqEvent, m.hs.rspEvent = event, event
	m.mem.Store32(reqEvent, event)
	m.mem.Store32(rspEvent, event)
	m.step(1) // nothing to push
	for range n {
		m.step(0)
	}
	m.step(1)
	for range n {
		m.step(4)
		m.step(5)
	}
	m.step(6)
	m.step(6)
}

// TestArmThenPushNotifies is the rule that nobody sleeps through work: whoever
// armed and saw nothing is notified by the very next push, and once only.
func TestArmThenPushNotifies(t *testing.T) {
	buf := make([]byte, 4)
	for _, slots := range []int{1, 2, 32} {
		f, b, mem := pair(t, slots, 4)
		move(f, b, mem, ^uint32(0)-20)
		for i := range 100 {
			if p, err := b.Arm(); p || err != nil {
				t.Fatal(i, p, err)
			}
			for k := range slots {
				f.Put(buf)
				if got := f.Push(); got != (k == 0) {
					t.Fatalf("push %d after arming notifies: %v", k, got)
				}
			}
			for range slots {
				_, _ = b.Requests()
				b.Take(buf)
				b.Put(buf)
			}
			if p, err := f.Arm(); p || err != nil {
				t.Fatal(i, p, err)
			}
			if !b.Push() || b.Push() {
				t.Fatal("a batch after arming must notify once")
			}
			for range slots {
				_, _ = f.Responses()
				f.Take(buf)
			}
		}
	}
}
