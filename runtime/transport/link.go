package transport

import (
	"sync/atomic"

	"github.com/xenidc/idc/runtime/grant"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/ring"
)

// Link is one connection's worth of a [Queue]: the ring, the event channel and
// the granted pages that lead to one peer. The endpoint makes a new one for every
// connection; nothing of an old one reaches a new one.
type Link struct {
	Ring        *ring.Front
	Channel     platform.Channel
	Pool        *grant.Pool // pages that ordinary buffers are bounced through
	Buffers     *grant.Set  // shared buffers, recognised by their address
	Wire        Wire
	Fill        bool // the rest of each slot is zeroed: the peer may know more fields
	ABI         int  // the protocol's number of the negotiated ABI
	MaxSegments int  // most segments that one request may carry here
	Device      int  // number of the front end's device

	// Failed is called at most once, without a lock, when the peer broke the protocol
	// or is gone. It must not block.
	Failed func(error)

	failed atomic.Bool
	users  int // of the pool: the queue, and each transaction that has pages. The queue's lock guards it
	freed  func()
}

// fail reports the end of the link once.
func (l *Link) fail(err error) {
	if l.failed.CompareAndSwap(false, true) && l.Failed != nil {
		l.Failed(err)
	}
}
