package transport

import (
	"context"
	"sync/atomic"

	"github.com/xenidc/idc/runtime/grant"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// phase is where a transaction is. The queue's lock guards it.
//
//	free ─Begin─► begun ─Start─► queued ─► sent ─response─► over ─End─► free
//	                               ▲        │ disconnect
//	                               │        ▼
//	                               │    reclaiming   while the old peer may still reach its memory
//	                               │        ▼
//	                               └─replay─┴─► over, with an error
type phase uint8

const (
	free phase = iota
	begun
	queued
	sent // on the ring
	reclaiming
	over // has its outcome, which may still be on the way to its caller
)

// The states of a caller that waits. They are the only words that it and whoever
// completes its transaction share without the queue's lock.
const (
	awake   uint32 = iota // looks for itself, or doesn't wait yet
	asleep                // sleeps on wake
	settled               // the outcome is there
)

// Txn is one transaction of a front end. All of them are made with their queue and
// used again and again. A Txn belongs to its caller from Begin to Start and from its
// end to End.
type Txn struct {
	q     *Queue
	index uint32

	// What the caller asked for, from Begin or Start to End.
	user   []byte
	dir    Direction
	most   int        // segments that user may need
	encode func(*Txn) // fills Slot, under the queue's lock, each time before it is sent
	done   func(*Txn) // of an asynchronous transaction
	replay bool

	// The caller's waiting.
	caller atomic.Uint32
	wake   chan struct{}

	// Guarded by the queue's lock until the outcome is there.
	phase     phase
	abandoned bool          // its caller went away before it ended
	ended     chan struct{} // of an abandoned one: closed when it has
	next      *Txn
	err       error
	rejected  error  // why encode couldn't
	slot      []byte // private image of the request
	used      int    // bytes of it
	rsp       []byte // private copy of the response
	abi       int    // that rsp is encoded in

	// What the peer may reach meanwhile.
	link   *Link         // the one that segs belong to
	shared *grant.Buffer // that user lies in, if it isn't copied
	taken  []uint32      // pages of the link's pool, of which
	pages  []uint32      // these stand for user
	extra  []uint32      // and these hold lists of segments
	segs   []Segment
}

// Index is the number of the transaction among those of all queues of its
// endpoint: an index for the tables of generated code.
func (t *Txn) Index() int { return t.q.base + int(t.index) }

// ID is what the request's id field must be: below the number of slots.
func (t *Txn) ID() uint64 { return uint64(t.index) }

// ABI is the number of the ABI to encode for. Valid in the encode function.
func (t *Txn) ABI() int { return t.link.ABI }

// Device is the number of the front end's device: the last element of its path in
// the store. Valid in the encode function.
func (t *Txn) Device() int { return t.link.Device }

// Request returns n zeroed bytes to encode the request in.
func (t *Txn) Request(n int) []byte {
	t.used = n
	clear(t.slot[:n])
	return t.slot[:n]
}

// Reject makes the encode function's transaction end with err instead of being sent:
// this peer can't take it. The encode function returns afterwards.
func (t *Txn) Reject(err error) { t.rejected = err }

// Response is the private copy of the response, valid from the end of the
// transaction to End.
func (t *Txn) Response() []byte { return t.rsp }

// ResponseABI is the number of the ABI that the response is encoded in.
func (t *Txn) ResponseABI() int { return t.abi }

// Segments are the parts of pages that hold the bulk data.
func (t *Txn) Segments() []Segment { return t.segs }

// Len is the length of the bulk data in bytes.
func (t *Txn) Len() int { return len(t.user) }

// SegmentPage returns page i of the pages reserved for lists of segments, and its
// reference. Reserve says how many there are.
func (t *Txn) SegmentPage(i int) (shm.Memory, platform.GrantRef) {
	p := t.extra[i]
	return t.link.Pool.Page(p), t.link.Pool.Ref(p)
}

// Err is the transport error that the transaction ended with, or nil.
func (t *Txn) Err() error { return t.err }

// Run starts the transaction and waits for its end. The caller calls End
// afterwards unless Run returns an error: then it has been done.
func (t *Txn) Run(ctx context.Context, encode func(*Txn), replay bool) error {
	t.start(encode, nil, replay)
	if err := t.q.wait(ctx, t); err != nil {
		return err
	}
	if err := t.err; err != nil {
		t.End()
		return err
	}
	t.receive()
	return nil
}

// Start starts the transaction; done runs when it has ended, once, on a goroutine
// of the runtime or of whoever polls, and under no lock. It must not block, and
// calls End.
func (t *Txn) Start(encode, done func(*Txn), replay bool) {
	t.start(encode, done, replay)
	t.q.attend()
}

// start queues the transaction and sends it where possible.
func (t *Txn) start(encode, done func(*Txn), replay bool) {
	t.encode, t.done, t.replay = encode, done, replay
	t.err = nil
	t.caller.Store(awake)
	t.q.submit(t)
}

// End gives the transaction, its pages and its id back.
func (t *Txn) End() { t.q.release(t) }

// finish makes the outcome known to the waiter, or calls back. No lock is held.
func (t *Txn) finish() {
	if done := t.done; done != nil {
		if t.err == nil {
			t.receive()
		}
		done(t)
		return
	}
	if t.caller.Swap(settled) == asleep {
		t.wake <- struct{}{}
	}
}
