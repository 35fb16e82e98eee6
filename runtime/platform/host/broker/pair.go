//go:build linux

package broker

import (
	"time"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
)

// pair is two domains that are linked, or are being linked. Its life, which package proto
// tells from the outside:
//
//	backlog -> first -> sealFirst -> expected -> second -> sealBoth -> linked
//	any of them -> over
//
// It waits in backlog while its user has too many of them under way, and in expected until
// the second domain has joined. Everything in it is guarded by the broker's mu.
type pair struct {
	b     *Broker
	user  *user      // of who asked, who answers for it until it is linked
	sides [2]*client // who asked, and the other; nil until it has joined
	ids   [2]platform.DomID
	pages [2]int
	state pairState
	kit   *kit // nil before first, and once all is handed out
	busy  bool // the kit is being sealed: it is closed later
	told  [2]bool
	late  *time.Timer // ends it if it isn't linked in time
	asked []question
}

type pairState uint8

const (
	backlog pairState = iota
	first
	sealFirst
	expected
	second
	sealBoth
	linked
	over
)

// question is a Link that isn't answered yet.
type question struct {
	c  *client
	id uint32
}

// pendTime is how long the link of two domains may take, a domain that has not joined yet
// and one that is stopped included.
const pendTime = time.Minute

// maxPending is how many links of one user are made at a time, and maxWants how many of
// them with domains that aren't there yet. Each has five descriptors open here.
const (
	maxPending = 64
	maxWants   = 16
)

// introduce links c with the domain of the given number, or has it wait for that, and
// answers the question when it is clear.
func (b *Broker) introduce(c *client, m proto.Msg) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	status, wait := b.linkLocked(c, m.A)
	if !wait {
		return c.send(proto.Msg{Op: proto.Linked, ID: m.ID, Status: status})
	}
	if c.questions++; c.questions > proto.MaxQuestions {
		return errTooMany
	}
	q := question{c, m.ID}
	p := c.pairs[platform.DomID(m.A)]
	p.asked = append(p.asked, q)
	time.AfterFunc(proto.LinkTime, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		p.answerLocked(proto.Silent, func(x question) bool { return x == q })
	})
	return nil
}

// linkLocked is the part of introduce that decides. wait says that the pair will answer.
func (b *Broker) linkLocked(c *client, number uint32) (st proto.Status, wait bool) {
	id := platform.DomID(number)
	if number == 0 || number >= uint32(platform.FirstReserved) || id == c.id {
		return proto.NoDomain, false
	}
	if p := c.pairs[id]; p != nil {
		switch p.state {
		case linked:
			return proto.OK, false
		case over:
			return proto.Ended, false
		case expected:
			return proto.NoDomain, false
		}
		return 0, true
	}
	other := b.domains[id]
	switch {
	case other == nil && b.ids.used(id), other != nil && other.dead:
		return proto.Ended, false
	case other != nil && !other.welcomed:
		other = nil // nobody knows of it yet
	}
	if !c.fitsLocked(other) || other != nil && !other.fitsLocked(c) {
		b.log.note(c.who, "link refused", "domain", c.id, "peer", id, "why", "too many links")
		return proto.NoSpace, false
	}
	if other == nil && c.user.wants >= maxWants {
		return proto.NoSpace, false
	}
	b.pairLocked(c, other, id)
	return 0, true
}

// pairLocked begins to link c with a domain that may not be there yet.
func (b *Broker) pairLocked(c, other *client, id platform.DomID) {
	p := &pair{b: b, user: c.user, sides: [2]*client{c, other}, ids: [2]platform.DomID{c.id, id}}
	p.pages = [2]int{c.pages, proto.MaxArenaPages}
	c.addPair(p, 0)
	if other != nil {
		p.pages[1] = other.pages
		other.addPair(p, 1)
	} else {
		c.user.wants++
		if b.wanted[id] == nil {
			b.wanted[id] = map[*pair]struct{}{}
		}
		b.wanted[id][p] = struct{}{}
	}
	c.user.uses++
	p.late = time.AfterFunc(pendTime, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if p.state < linked {
			p.endLocked(proto.Ended)
		}
	})
	c.user.backlog = append(c.user.backlog, p)
	b.startLocked(c.user)
}

// startLocked makes links of a user's as far as it may.
func (b *Broker) startLocked(u *user) {
	for len(u.backlog) > 0 && u.pending < maxPending {
		p := u.backlog[0]
		u.backlog = u.backlog[1:]
		k, err := newKit(p.ids[0], p.ids[1], p.pages)
		u.pending++
		p.state = first
		if err != nil {
			b.log.problem("make a link", err)
			p.endLocked(proto.NoSpace)
			continue
		}
		p.kit = k
		p.sides[0].tellLocked(notice{p, proto.Peer, 0})
	}
}

// notedLocked goes on when a side has answered Peer.
func (p *pair) notedLocked(side int, st proto.Status) {
	switch {
	case p.state == over:
	case st == proto.Ended:
		p.endLocked(proto.Ended)
	case st != proto.OK:
		p.b.log.note(p.sides[side].who, "a domain couldn't map a link's memory", "domain", p.ids[side])
		p.endLocked(proto.NoSpace)
	case p.state == first && side == 0:
		p.sealLocked(sealFirst, p.kit.alone[:1])
	case p.state == second && side == 1:
		p.sealLocked(sealBoth, []int{p.kit.both, p.kit.alone[1]})
	}
}

// sealLocked seals files, then goes on.
func (p *pair) sealLocked(st pairState, fds []int) {
	p.state, p.busy = st, true
	other := p.user.uid
	if p.sides[1] != nil {
		other = p.sides[1].who.uid
	}
	p.b.sealLocked(p.user.uid, other, fds, func(err error) {
		p.busy = false
		switch {
		case p.state == over:
			p.kit.close()
		case err != nil: // somebody has sealed it already
			p.b.log.note(p.sides[0].who, "a link's memory was tampered with", "domain", p.ids[0], "peer", p.ids[1])
			p.endLocked(proto.Ended)
		case st == sealFirst:
			p.state = expected
			p.secondLocked()
		default:
			p.linkedLocked()
		}
	})
}

// secondLocked goes on with the other domain, once it is there.
func (p *pair) secondLocked() {
	if p.sides[1] == nil {
		p.answerLocked(proto.NoDomain, nil)
		return
	}
	p.state = second
	p.sides[1].tellLocked(notice{p, proto.Peer, 1})
}

// joinedLocked is called when the other domain has joined.
func (p *pair) joinedLocked(c *client) {
	p.user.wants--
	p.sides[1] = c
	fits := c.fitsLocked(p.sides[0])
	c.addPair(p, 1)
	p.sides[0].byUser[c.who.uid]++
	if !fits {
		p.endLocked(proto.Ended)
	} else if p.state == expected {
		p.secondLocked()
	}
}

// linkedLocked says that all is well.
func (p *pair) linkedLocked() {
	p.state = linked
	p.settleLocked(true)
	p.sides[1].tellLocked(notice{p, proto.Ready, 1})
	p.sides[0].tellLocked(notice{p, proto.Ready, 0})
}

// settleLocked ends what the user answers for.
func (p *pair) settleLocked(started bool) {
	p.late.Stop()
	if started {
		p.user.pending--
	} else {
		p.unqueueLocked()
	}
	p.b.startLocked(p.user)
	p.b.unuseLocked(p.user)
}

// endLocked ends a pair, for both.
func (p *pair) endLocked(st proto.Status) {
	if p.state == over {
		return
	}
	was := p.state
	p.state = over
	if p.sides[1] == nil {
		p.user.wants--
		p.b.unwantLocked(p)
	}
	if was != linked {
		p.settleLocked(was != backlog)
	}
	p.answerLocked(st, nil)
	if p.kit != nil && !p.busy {
		p.kit.close()
	}
	for side, c := range p.sides {
		switch {
		case c == nil || c.dead:
		case p.told[side]:
			c.tellLocked(notice{p, proto.Gone, side})
		default:
			c.untellLocked(p)
			c.dropPair(p, side)
		}
	}
}

// unwantLocked forgets who waits for a domain to join.
func (b *Broker) unwantLocked(p *pair) {
	delete(b.wanted[p.ids[1]], p)
	if len(b.wanted[p.ids[1]]) == 0 {
		delete(b.wanted, p.ids[1])
	}
}

// unqueueLocked takes the pair out of the backlog.
func (p *pair) unqueueLocked() {
	u := p.user
	for i, q := range u.backlog {
		if q == p {
			u.backlog = append(u.backlog[:i:i], u.backlog[i+1:]...)
			return
		}
	}
}

// answerLocked answers those questions that are picked, or all.
func (p *pair) answerLocked(st proto.Status, pick func(question) bool) {
	rest := p.asked[:0]
	for _, q := range p.asked {
		if pick != nil && !pick(q) {
			rest = append(rest, q)
			continue
		}
		q.c.questions--
		if !q.c.dead {
			_ = q.c.send(proto.Msg{Op: proto.Linked, ID: q.id, Status: st})
		}
	}
	p.asked = rest
}
