package idc

import (
	"cmp"
	"slices"

	"github.com/xenidc/idc/runtime/platform"
)

// users tells which user a domain is of, where the platform knows. Elsewhere each domain
// is a user of its own.
type users struct {
	of    platform.Users // nil where the platform doesn't know
	known map[platform.DomID]uint64
}

// noUser is added to the number of a domain whose user isn't known, to tell it from uids.
const noUser = 1 << 32

func newUsers(d platform.Domain) users {
	of, _ := d.(platform.Users)
	return users{of: of, known: map[platform.DomID]uint64{}}
}

// unknownUser stands for the user of a domain.
func unknownUser(dom platform.DomID) uint64 { return uint64(dom) + noUser }

// user returns the number of a domain's user. It may ask the platform, and block.
func (u *users) user(dom platform.DomID) uint64 {
	if v, ok := u.known[dom]; ok {
		return v
	}
	v := unknownUser(dom)
	if u.of != nil {
		if uid, _, err := u.of.UserOf(dom); err == nil {
			v = uint64(uid)
		}
	}
	u.known[dom] = v
	return v
}

// keep forgets the domains that aren't in use.
func (u *users) keep(used map[platform.DomID]bool) {
	for dom := range u.known {
		if !used[dom] {
			delete(u.known, dom)
		}
	}
}

// seats is who has how many of a service's seats, and who asks for more.
type seats struct {
	users   map[uint64]*party
	parties map[string]seat // of those who ask, by request
}

// seat is where a request belongs.
type seat struct{ user, dom *party }

// party is a user, or one of his domains: who has seats.
type party struct {
	has  int
	doms map[platform.DomID]*party // of a user
	ends []*backEnd                // of a domain: those that stay
	ask  []string                  // of a domain, in order
}

// count takes stock of who has seats and who asks for more.
func (r *reception) count(ask []string) *seats {
	s := &seats{users: map[uint64]*party{}, parties: map[string]seat{}}
	used := map[platform.DomID]bool{}
	user := unknownUser
	if len(r.ends)+len(ask) > r.s.opt.fronts {
		user = r.users.user // which costs: the platform has to meet the domain
	}
	for _, e := range r.ends {
		used[e.at.peer] = true
		at := s.at(user(e.at.peer), e.at.peer)
		if !e.leaving {
			at.user.has++
			at.dom.has++
			at.dom.ends = append(at.dom.ends, e)
		}
	}
	for _, node := range ask {
		dom := r.roll.owner(node)
		used[dom] = true
		at := s.at(user(dom), dom)
		at.dom.ask = append(at.dom.ask, node)
		s.parties[node] = at
	}
	r.users.keep(used)
	return s
}

func (s *seats) at(uid uint64, dom platform.DomID) seat {
	u := s.users[uid]
	if u == nil {
		u = &party{doms: map[platform.DomID]*party{}}
		s.users[uid] = u
	}
	d := u.doms[dom]
	if d == nil {
		d = new(party)
		u.doms[dom] = d
	}
	return seat{u, d}
}

// wants is how many requests of a user's domains wait.
func (p *party) wants() (n int) {
	for _, d := range p.doms {
		n += len(d.ask)
	}
	return n
}

// poorest returns where the next seat belongs: with the user who has the fewest, of those
// who ask, and the domain of his that has the fewest.
func (s *seats) poorest() (at seat, ok bool) {
	for _, u := range s.users {
		if u.wants() > 0 && (at.user == nil || u.has < at.user.has) {
			at.user = u
		}
	}
	if at.user == nil {
		return at, false
	}
	for _, d := range at.user.doms {
		if len(d.ask) > 0 && (at.dom == nil || d.has < at.dom.has) {
			at.dom = d
		}
	}
	return at, true
}

// next gives a seat to a request and returns that.
func (s *seats) next() (node string, ok bool) {
	at, ok := s.poorest()
	if !ok {
		return "", false
	}
	node, at.dom.ask = at.dom.ask[0], at.dom.ask[1:]
	at.user.has++
	at.dom.has++
	return node, true
}

// giveBack takes back what next gave.
func (s *seats) giveBack(node string) {
	at := s.parties[node]
	at.user.has--
	at.dom.has--
}

// asking is how many requests wait.
func (s *seats) asking() (n int) {
	for _, u := range s.users {
		n += u.wants()
	}
	return n
}

// unfair returns the endpoints that have to go, so that nobody who asks has two seats
// fewer than another: the latest of whoever has most.
func (s *seats) unfair() (ends []*backEnd) {
	for {
		poor, ok := s.poorest()
		if !ok {
			break
		}
		rich := s.richest(poor.user)
		if rich.dom == nil || rich.user == poor.user && rich.dom.has < poor.dom.has+2 {
			break
		}
		e := slices.MaxFunc(rich.dom.ends, func(a, b *backEnd) int { return cmp.Compare(a.number, b.number) })
		rich.dom.ends = slices.DeleteFunc(rich.dom.ends, func(x *backEnd) bool { return x == e })
		rich.user.has--
		rich.dom.has--
		s.next()
		ends = append(ends, e)
	}
	return ends
}

// richest returns the user who has most seats, if that is two more than poor has, or else
// poor itself, and the domain of his that has most.
func (s *seats) richest(poor *party) (at seat) {
	at.user = poor
	for _, u := range s.users {
		if u.has >= poor.has+2 && u.has > at.user.has {
			at.user = u
		}
	}
	for _, d := range at.user.doms {
		if len(d.ends) > 0 && (at.dom == nil || d.has > at.dom.has) {
			at.dom = d
		}
	}
	return at
}
