package store

import (
	"slices"
	"syscall"

	"github.com/xenidc/idc/runtime/platform"
)

// Bits of the features that GET_FEATURE tells (docs/misc/xenstore-ring.txt).
const (
	featureWatchDepth = 4
	features          = featureWatchDepth
)

// domain is what the server knows of a domain, while it is introduced or connected.
type domain struct {
	id         platform.DomID
	introduced bool
	quota      Quota
	features   uint32
	target     *platform.DomID // the domain whose permissions this one has, too
	user       *user           // whose it is; one of its own if that isn't known

	sessions     int
	watches      int
	transactions int
	txBytes      int // bytes that they hold
}

// domain returns a domain's entry, and makes it where there is none.
func (s *Server) domain(id platform.DomID) *domain {
	d := s.domains[id]
	if d == nil {
		d = &domain{id: id, quota: s.quota, features: features, user: s.tree.ledger.userOf[id]}
		if d.user == nil {
			d.user = new(user)
		}
		s.domains[id] = d
	}
	return d
}

// settle forgets a domain that is neither introduced nor connected.
func (s *Server) settle(d *domain) {
	if !d.introduced && d.sessions == 0 && s.domains[d.id] == d {
		delete(s.domains, d.id)
	}
}

// Introduce makes a domain known, and fires @introduceDomain when it wasn't. A domain
// may be served without being introduced.
func (s *Server) Introduce(dom platform.DomID) {
	s.mu.Lock()
	defer s.unlock()
	s.introduce(dom)
}

// IntroduceAs is Introduce, and says whose domain it is: what one user's domains hold
// together is limited by Options.UserQuota. It comes before the domain's first connection.
func (s *Server) IntroduceAs(dom platform.DomID, uid uint32) {
	s.mu.Lock()
	defer s.unlock()
	s.tree.ledger.setUser(dom, uid)
	if d := s.domain(dom); d.sessions == 0 {
		d.user = s.tree.ledger.userOf[dom]
	}
	s.introduce(dom)
}

func (s *Server) introduce(dom platform.DomID) {
	d := s.domain(dom)
	if d.introduced {
		return
	}
	d.introduced = true
	s.watches.fireSpecial(IntroduceDomain, dom, s.special[IntroduceDomain])
}

// Release forgets a domain that has ended: its connections are ended, its watches and
// transactions dropped, what it owned is removed as by RemoveOwnedBy, and
// @releaseDomain fires when it had been introduced. So a later domain of the same
// number inherits nothing. The domain's own subtree is usually owned by domain 0; who
// made it removes it.
func (s *Server) Release(dom platform.DomID) {
	s.mu.Lock()
	defer s.unlock()
	s.release(dom)
}

func (s *Server) release(dom platform.DomID) {
	known := false
	if d := s.domains[dom]; d != nil {
		known = d.introduced
		d.introduced = false
		d.target = nil
		s.settle(d)
	}
	for ses := range s.sessions {
		if ses.dom.id == dom {
			// Its own watches mustn't see what follows.
			s.resetSession(ses)
			ses.ended = true
			s.ending = append(s.ending, ses)
		}
	}
	for _, d := range s.domains {
		if d.target != nil && *d.target == dom {
			d.target = nil
		}
	}
	s.disown(dom)
	s.tree.ledger.dropUser(dom)
	if known {
		s.watches.fireSpecial(ReleaseDomain, dom, s.special[ReleaseDomain])
	}
}

// RemoveOwnedBy removes every node that a domain owns, with all below it, and takes the
// domain out of the permissions of the others. Watches fire for what is removed.
func (s *Server) RemoveOwnedBy(dom platform.DomID) {
	s.mu.Lock()
	defer s.unlock()
	s.disown(dom)
}

func (s *Server) disown(dom platform.DomID) {
	s.disownBelow(s.tree.nodes["/"], dom)
	for name, perms := range s.special {
		s.special[name] = withoutDomain(perms, dom)
	}
}

func (s *Server) disownBelow(n *node, dom platform.DomID) {
	if n.owner() == dom && n.parent != nil {
		// An ENOENT is impossible: n is there.
		_ = removeBelow(s.tree, n.path, func(path string, r *record) {
			s.watches.fire(s.removal(s.tree, path, r, path != n.path))
		})
		return
	}
	if perms := withoutDomain(n.perms, dom); len(perms) != len(n.perms) {
		s.tree.update(n.path, n.value, perms)
	}
	for c := n.first; c != nil; {
		next := c.next // c may be unlinked
		s.disownBelow(c, dom)
		c = next
	}
}

// withoutDomain is perms without the entries for a domain, but for the owner's.
func withoutDomain(perms []Perm, dom platform.DomID) []Perm {
	gone := func(p Perm) bool { return p.Dom == dom }
	if !slices.ContainsFunc(perms[1:], gone) {
		return perms
	}
	return append(perms[:1:1], slices.DeleteFunc(slices.Clone(perms[1:]), gone)...)
}

// removal is the event of a node about to be removed.
func (s *Server) removal(v view, path string, r *record, exact bool) *event {
	e := &event{path: path, exact: exact, now: r.perms}
	if parent := v.peek(parentPath(path)); parent != nil {
		e.parent = parent.perms
	}
	return e
}

// connected finds a domain for the requests that manage one: ENOENT where nothing is
// known of it.
func (s *Server) connected(dom platform.DomID) (*domain, syscall.Errno) {
	d := s.domains[dom]
	if d == nil {
		return nil, syscall.ENOENT
	}
	if !d.introduced {
		return nil, syscall.EINVAL
	}
	return d, 0
}
