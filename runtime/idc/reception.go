package idc

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
)

// reception holds the endpoints of a service's front ends. Its service's goroutine
// owns it.
type reception struct {
	s     *Service
	c     *storeConn
	roll  roll
	ends  map[string]*backEnd
	rest  map[string]rest // of requests that came to nothing
	users users
	last  uint64        // number of the latest endpoint
	full  bool          // it is said in the store that no more are served
	gone  chan struct{} // cap 1: an endpoint ended, or connected while others wait for that
	// behind is set while there are requests that aren't looked at because of maxPending.
	behind atomic.Bool
}

// rest is how long a request isn't looked at: a front end can leave one about that
// leads nowhere.
type rest struct {
	until time.Time
	pause time.Duration
	front platform.DomID // whose request it is; 0 if it isn't known
}

// maxPending is how many requests of one domain may be on their way to a connection, or
// have come to nothing: further ones aren't looked at meanwhile.
const maxPending = 64

func newReception(s *Service, c *storeConn, roll roll) *reception {
	return &reception{
		s: s, c: c, roll: roll,
		ends: map[string]*backEnd{}, rest: map[string]rest{}, users: newUsers(c.dom),
		gone: make(chan struct{}, 1),
	}
}

// reconcile makes an endpoint for each device of the roll, as far as there are seats, and
// forgets those that ended.
func (r *reception) reconcile(ctx context.Context) error {
	nodes, fault := r.roll.list(ctx)
	if fault != nil && !isAbsent(fault) {
		return fault
	}
	for node, e := range r.ends {
		if e.isOver() {
			r.s.left += e.left
			delete(r.ends, node)
			r.lay(node, e.at.peer)
		}
	}
	kept(r.rest, nodes)
	r.admit(ctx, r.waiting(nodes))
	return fault
}

// waiting returns the requests that ask for an endpoint now.
func (r *reception) waiting(nodes []string) (ask []string) {
	now, pending, behind := time.Now(), r.pending(), false
	for _, node := range nodes {
		x, failed := r.rest[node]
		if r.ends[node] != nil || now.Before(x.until) {
			continue
		}
		if front := r.roll.owner(node); failed {
			ask = append(ask, node) // it is counted
		} else if pending[front] < maxPending {
			pending[front]++
			ask = append(ask, node)
		} else {
			behind = true
		}
	}
	r.behind.Store(behind)
	return ask
}

// pending is how many requests each domain has that aren't connected, or came to nothing.
func (r *reception) pending() map[platform.DomID]int {
	n := map[platform.DomID]int{}
	for _, e := range r.ends {
		if e.idle.Load() != nil {
			n[e.at.peer]++
		}
	}
	for node, x := range r.rest {
		if r.ends[node] == nil && x.front != 0 {
			n[x.front]++
		}
	}
	return n
}

// admit gives seats to those who ask, in turns of users and domains: next is who has the
// fewest. When all are taken, who has two more than somebody who asks loses one.
func (r *reception) admit(ctx context.Context, ask []string) {
	seats := r.count(ask)
	for len(r.ends) < r.s.opt.fronts {
		node, ok := seats.next()
		if !ok {
			break
		}
		if at, ok := r.roll.locate(ctx, node); ok {
			r.ends[node] = startBackEnd(r, at)
		} else {
			seats.giveBack(node)
			r.lay(node, 0)
		}
	}
	r.sayFull(ctx, seats.asking() > 0)
	coming := len(r.ends) - r.staying() // seats that come free
	leave := r.idle(seats.asking() - coming)
	for range coming + len(leave) {
		seats.next()
	}
	leave = append(leave, seats.unfair()...)
	for _, e := range leave {
		e.log.Info("another front end gets the seat", "fronts", r.s.opt.fronts)
		e.leaving = true
		e.stop()
	}
}

// idle returns up to most endpoints whose front ends have had the time to connect, and
// haven't.
func (r *reception) idle(most int) (ends []*backEnd) {
	for _, e := range r.ends {
		if len(ends) >= most {
			break
		}
		if since := e.idle.Load(); !e.leaving && since != nil && time.Since(*since) > connectTime {
			ends = append(ends, e)
		}
	}
	return ends
}

// connectTime is how long a front end may have a seat that another wants, without
// connecting.
const connectTime = 10 * time.Second

// staying is how many endpoints weren't asked to go.
func (r *reception) staying() (n int) {
	for _, e := range r.ends {
		if !e.leaving {
			n++
		}
	}
	return n
}

// sayFull says in the store that there are more front ends than seats, and what to do.
func (r *reception) sayFull(ctx context.Context, full bool) {
	node := r.roll.notice()
	if full == r.full || node == "" {
		return
	}
	r.full = full
	var err error
	if full {
		text := fmt.Sprintf("it serves as many front ends as it may, %d (idc.Fronts)", r.s.opt.fronts)
		r.s.log.Warn("a front end has to wait: all that may be served at once are", "fronts", r.s.opt.fronts)
		err = r.c.Write(ctx, store.NoTx, node, text)
	} else {
		err = r.c.Remove(ctx, store.NoTx, node)
	}
	if err != nil {
		r.s.log.Debug("cannot say that all seats are taken", "err", err)
	}
}

// republish has every endpoint publish its keys anew.
func (r *reception) republish() {
	for _, e := range r.ends {
		select {
		case e.changed <- struct{}{}:
		default:
		}
	}
}

// lay lays a request to rest, longer each time.
func (r *reception) lay(node string, front platform.DomID) {
	pause := min(max(2*r.rest[node].pause, retryFirst), retryMost)
	r.rest[node] = rest{time.Now().Add(pause), pause, front}
}

// due fires when the first of the requests has rested, and now and then while somebody
// waits for a seat; else it never does.
func (r *reception) due() <-chan time.Time {
	if r.behind.Load() {
		return time.After(breath)
	}
	if r.full {
		return time.After(connectTime / 10)
	}
	var first time.Time
	for node, x := range r.rest {
		if r.ends[node] == nil && (first.IsZero() || x.until.Before(first)) {
			first = x.until
		}
	}
	if first.IsZero() || len(r.ends) >= r.s.opt.fronts {
		return nil
	}
	return time.After(time.Until(first))
}

// number numbers endpoints.
func (r *reception) number() uint64 {
	r.last++
	return r.last
}

// connected is called by endpoints.
func (r *reception) connected() {
	if r.behind.Load() {
		r.ended()
	}
}

func (r *reception) ended() {
	select {
	case r.gone <- struct{}{}:
	default:
	}
}

// close ends all endpoints, side by side.
func (r *reception) close() {
	for _, e := range r.ends {
		e.stop()
	}
	for _, e := range r.ends {
		<-e.over
		r.s.left += e.left
	}
}
