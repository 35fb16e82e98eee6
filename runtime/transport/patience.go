package transport

import (
	"sync/atomic"
	"time"
)

// patience decides whether polling before sleeping pays. It does as long as what is
// waited for mostly comes within the limit; on a machine whose CPUs are all busy, or
// with a peer that takes its time, it only keeps the peer from running.
//
// Polling pays for both ends or for neither: an end that sleeps takes longer to wake
// than the other polls. So ends that have given up try again together, in windows of
// the clock that they share, and with a limit that outlasts a wake-up:
//
//	           |<------------- period ------------->|
//	clock   ...[window]............................[window]...
//	trusting  polls whenever it waits, for limit; wasted waits cost trust, one that
//	          paid restores it
//	otherwise polls in windows only, for longer; one wait in four looks for them
type patience struct {
	limit time.Duration
	trust atomic.Int32
	waits atomic.Uint32
}

const (
	fullTrust    = 8 // waits in vain until an end gives up
	probePeriod  = 64 * time.Millisecond
	probeWindow  = time.Millisecond
	probePatient = 5 // a wait within a window is that many times longer
	probeEvery   = 4 // waits to one that looks at the clock for a window
)

func newPatience(limit time.Duration) *patience {
	p := &patience{limit: limit}
	p.trust.Store(fullTrust)
	return p
}

// budget is how long to poll now.
func (p *patience) budget() budget {
	switch {
	case p.limit <= 0:
		return budget{}
	case p.trust.Load() > 0:
		return budget{limit: p.limit}
	}
	if p.waits.Add(1)%probeEvery != 0 {
		return budget{}
	}
	t := now()
	if (time.Duration(began.UnixNano())+t)%probePeriod < probeWindow {
		return budget{limit: probePatient * p.limit, start: t}
	}
	return budget{}
}

// paid says that polling found what was waited for.
func (p *patience) paid() {
	if p.trust.Load() != fullTrust {
		p.trust.Store(fullTrust)
	}
}

// wasted says that polling found nothing.
func (p *patience) wasted(b budget) {
	if b.limit == p.limit && p.trust.Load() > 0 {
		p.trust.Add(-1)
	}
}
