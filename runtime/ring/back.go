package ring

import "github.com/xenidc/idc/runtime/shm"

// Back is the end that takes requests and sends responses. It may be used by one
// goroutine at a time; the caller locks.
//
//	pushed        prod          cons          seen         prod + slots
//	 |  responses  |  requests   |  requests   |  the       |
//	 |  to push    |  in service |  to take    |  front's   |
//
// All four are private copies. Only seen comes from the peer, checked. Responses
// need not be in the order of their requests.
type Back struct {
	shared
	prod   uint32 // rsp_prod_pvt: the next response goes here
	pushed uint32 // what we last stored to rsp_prod
	cons   uint32 // req_cons: the next request comes from here
	seen   uint32 // req_prod as it was last read; cons <= seen <= prod + slots
	broken error  // set for good by the first impossible req_prod
}

// NewBack takes up the ring of slots of stride bytes that a front end made in all
// of mem. It goes on at the shared rsp_prod (BACK_RING_ATTACH, ring.h; so does
// Linux's blkback), so requests that an earlier back end left unanswered are seen
// again. It fails if no slot fits, and with an [*OverflowError] if the front
// claims more requests than there are slots. The first word of mem must be 4-byte
// aligned.
func NewBack(mem shm.Memory, stride int) (*Back, error) {
	s, err := newShared(mem, stride)
	if err != nil {
		return nil, err
	}
	start := mem.Load32(rspProd)
	b := &Back{shared: s, prod: start, pushed: start, cons: start, seen: start}
	if err := b.look(); err != nil {
		return nil, err
	}
	return b, nil
}

// Slots returns the number of slots.
func (b *Back) Slots() int { return int(b.slots()) }

// Outstanding returns the number of requests taken and not yet answered by Put.
func (b *Back) Outstanding() int { return int(b.cons - b.prod) }

// Requests returns how many requests can be taken. The shared index is read only
// when none was known of, so the number may be less than what the front has
// published meanwhile, but 0 is the truth of this moment. It never exceeds what
// ring.h allows, the slots that hold no request in service. The error is an
// [*OverflowError] if the front claims more than that, or takes requests back; it
// repeats.
func (b *Back) Requests() (n int, err error) {
	if b.seen == b.cons {
		err = b.look()
	}
	return int(b.seen - b.cons), err
}

// look reads req_prod once and checks it: RING_REQUEST_PROD_OVERFLOW of ring.h,
// and that it isn't behind what was consumed. One comparison does both, and
// makes ring.h's clamping of the number needless. Call it when seen equals cons.
func (b *Back) look() error {
	v := b.mem.Load32(reqProd)
	if v-b.cons > b.slots()-(b.cons-b.prod) || b.broken != nil {
		return b.breakWith(v)
	}
	b.seen = v
	return nil
}

func (b *Back) breakWith(v uint32) error {
	if b.broken == nil {
		b.broken = &OverflowError{Index: "req_prod", Value: v, Limit: b.prod + b.slots()}
	}
	return b.broken
}

// Take copies the first len(req) bytes of the next request out, once: decode the
// copy (XSA-155). It panics unless Requests told of one that wasn't taken yet, or
// if req is longer than the stride.
func (b *Back) Take(req []byte) {
	if b.seen == b.cons {
		panic("ring: Take without a request")
	}
	b.at(b.cons).CopyOut(req, 0)
	b.cons++
}

// Put copies rsp to the next response slot. The front doesn't see it before Push.
// Bytes of the slot beyond rsp keep what the front wrote there. It panics if every
// request taken was answered already, or rsp is longer than the stride.
func (b *Back) Put(rsp []byte) {
	if b.prod == b.cons {
		panic("ring: Put without a request to answer")
	}
	b.at(b.prod).CopyIn(0, rsp)
	b.prod++
}

// ZeroRest zeroes what the last Put left of its slot behind the first n bytes.
func (b *Back) ZeroRest(n int) { b.at(b.prod-1).Zero(n, b.stride-n) }

// Push publishes what was put. If notify is true, the front waits for an event
// and must be notified, once. It does nothing if nothing was put since the last
// Push.
func (b *Back) Push() (notify bool) {
	old := b.pushed
	if old == b.prod {
		return false
	}
	b.pushed = b.prod
	return b.publish(rspProd, rspEvent, old, b.prod)
}

// Arm asks the front to notify us of the next request and looks once more
// (RING_FINAL_CHECK_FOR_REQUESTS, ring.h). If pending is false, and only then, the
// caller may sleep: a request that comes later is notified. If a request is known
// of already, nothing is asked. The error is that of Requests.
func (b *Back) Arm() (pending bool, err error) {
	n, err := b.Requests()
	if n > 0 || err != nil {
		return n > 0, err
	}
	b.mem.Store32(reqEvent, b.cons+1) // ordered before look's load, see publish
	err = b.look()
	return b.seen != b.cons, err
}
