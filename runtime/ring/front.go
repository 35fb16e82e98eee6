package ring

import "github.com/xenidc/idc/runtime/shm"

// Front is the end that sends requests and takes responses. It may be used by one
// goroutine at a time; the caller locks.
//
//	cons         seen            pushed          prod        cons + slots
//	 |  responses |  requests     |  requests     |  free     |
//	 |  to take   |  with the back|  to push      |           |
//
// All four are private copies. Only seen comes from the peer, checked.
type Front struct {
	shared
	prod   uint32 // req_prod_pvt: the next request goes here
	pushed uint32 // what we last stored to req_prod
	cons   uint32 // rsp_cons: the next response comes from here
	seen   uint32 // rsp_prod as it was last read; cons <= seen <= pushed
	broken error  // set for good by the first impossible rsp_prod
}

// NewFront makes a ring of slots of stride bytes in all of mem, and initialises
// the shared header (SHARED_RING_INIT, ring.h): nothing produced, both sides want
// to hear of the first slot. Call it before the back end learns of the memory.
// The stride is the larger size of the protocol's requests and responses. It fails
// if no slot fits. The first word of mem must be 4-byte aligned.
func NewFront(mem shm.Memory, stride int) (*Front, error) {
	s, err := newShared(mem, stride)
	if err != nil {
		return nil, err
	}
	mem.Zero(rspEvent+4, HeaderSize-rspEvent-4)
	mem.Store32(reqEvent, 1)
	mem.Store32(rspEvent, 1)
	mem.Store32(rspProd, 0)
	mem.Store32(reqProd, 0)
	return &Front{shared: s}, nil
}

// Slots returns the number of slots.
func (f *Front) Slots() int { return int(f.slots()) }

// Outstanding returns the number of requests put and not yet answered to us: the
// slots in use. It is 0 when the front is idle.
func (f *Front) Outstanding() int { return int(f.prod - f.cons) }

// Free returns the number of slots that a request can be put into
// (RING_FREE_REQUESTS, ring.h).
func (f *Front) Free() int { return int(f.slots() - (f.prod - f.cons)) }

// Put copies req to the next slot. The back doesn't see it before Push. Bytes of
// the slot beyond req keep what they held, which both sides have seen. It panics
// if no slot is free or req is longer than the stride: both are bugs of the
// caller's.
func (f *Front) Put(req []byte) {
	if f.prod-f.cons > f.mask {
		panic("ring: Put on a full ring")
	}
	f.at(f.prod).CopyIn(0, req)
	f.prod++
}

// ZeroRest zeroes what the last Put left of its slot behind the first n bytes.
func (f *Front) ZeroRest(n int) { f.at(f.prod-1).Zero(n, f.stride-n) }

// Push publishes what was put. If notify is true, the back waits for an event and
// must be notified, once. It does nothing if nothing was put since the last Push.
func (f *Front) Push() (notify bool) {
	old := f.pushed
	if old == f.prod {
		return false
	}
	f.pushed = f.prod
	return f.publish(reqProd, reqEvent, old, f.prod)
}

// Responses returns how many responses can be taken. The shared index is read
// only when none was known of, so the number may be less than what the back has
// published meanwhile, but 0 is the truth of this moment. The error is an
// [*OverflowError] if the back claims responses to more requests than were
// pushed, or takes responses back; it repeats.
func (f *Front) Responses() (n int, err error) {
	if f.seen == f.cons {
		err = f.look()
	}
	return int(f.seen - f.cons), err
}

// look reads rsp_prod once and checks it: RING_RESPONSE_PROD_OVERFLOW of ring.h,
// but against the requests that were pushed instead of all slots. Call it when
// seen equals cons.
func (f *Front) look() error {
	v := f.mem.Load32(rspProd)
	if v-f.cons > f.pushed-f.cons || f.broken != nil {
		return f.breakWith(v)
	}
	f.seen = v
	return nil
}

func (f *Front) breakWith(v uint32) error {
	if f.broken == nil {
		f.broken = &OverflowError{Index: "rsp_prod", Value: v, Limit: f.pushed}
	}
	return f.broken
}

// Take copies the first len(rsp) bytes of the next response out, once, and frees
// its slot. It panics unless Responses told of one that wasn't taken yet, or if
// rsp is longer than the stride.
func (f *Front) Take(rsp []byte) {
	if f.seen == f.cons {
		panic("ring: Take without a response")
	}
	f.at(f.cons).CopyOut(rsp, 0)
	f.cons++
}

// Arm asks the back to notify us of the next response and looks once more
// (RING_FINAL_CHECK_FOR_RESPONSES, ring.h). If pending is false, and only then, the
// caller may sleep: a response that comes later is notified. If a response is
// known of already, nothing is asked. The error is that of Responses.
func (f *Front) Arm() (pending bool, err error) {
	n, err := f.Responses()
	if n > 0 || err != nil {
		return n > 0, err
	}
	f.mem.Store32(rspEvent, f.cons+1) // ordered before look's load, see publish
	err = f.look()
	return f.seen != f.cons, err
}
