package idc

import (
	"time"

	"github.com/xenidc/idc/runtime/platform"
)

// backoff is how long a front end rests after a failure, for each peer: what one back end
// did is not held against the next.
type backoff struct {
	pauses map[platform.DomID]time.Duration
}

// maxBackoffs bounds what is remembered. A peer that is forgotten begins anew.
const maxBackoffs = 64

// next is how long to rest now, and is longer the next time.
func (b *backoff) next(peer platform.DomID) time.Duration {
	pause := max(b.pauses[peer], retryFirst)
	if b.pauses == nil || len(b.pauses) >= maxBackoffs {
		b.pauses = map[platform.DomID]time.Duration{}
	}
	b.pauses[peer] = min(2*pause, retryMost)
	return pause
}

// reset has a peer begin anew.
func (b *backoff) reset(peer platform.DomID) { delete(b.pauses, peer) }
