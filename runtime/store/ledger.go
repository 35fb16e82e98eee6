package store

import "github.com/xenidc/idc/runtime/platform"

// usage is what nodes cost their owner.
type usage struct {
	nodes int
	bytes int // of memory, about
}

func (u usage) plus(v usage) usage { return usage{u.nodes + v.nodes, u.bytes + v.bytes} }
func (u usage) negative() usage    { return usage{-u.nodes, -u.bytes} }

// nodeBytes is about what a node takes beside its path, value and permissions.
const nodeBytes = 256

// cost is what a node costs its owner.
func (r *record) cost(path string) usage { return costOf(path, r.value, r.perms) }

func costOf(path, value string, perms []Perm) usage {
	return usage{1, nodeBytes + len(path) + len(value) + 8*len(perms)}
}

// UserQuota bounds what all domains of one user may hold together in a Server, so that
// nobody gets more by being many. Zero means no limit.
type UserQuota struct {
	Nodes        int // nodes owned
	Memory       int // bytes that they take, about
	Watches      int
	Transactions int // open ones
}

// user is one user of the machine: all of its domains together.
type user struct {
	uid     uint32
	domains int
	usage
	watches, transactions int
}

// ledger knows what each domain owns, and each user.
type ledger struct {
	most    UserQuota
	domains map[platform.DomID]usage
	users   map[uint32]*user
	userOf  map[platform.DomID]*user
}

// party is who shares a limit: a user, or where that isn't known a domain.
type party struct {
	user *user
	dom  platform.DomID
}

func (l *ledger) party(dom platform.DomID) party {
	if x := l.userOf[dom]; x != nil {
		return party{user: x}
	}
	return party{dom: dom}
}

func newLedger(most UserQuota) ledger {
	return ledger{
		most: most, domains: map[platform.DomID]usage{},
		users: map[uint32]*user{}, userOf: map[platform.DomID]*user{},
	}
}

func (l *ledger) of(dom platform.DomID) usage { return l.domains[dom] }

// add takes note of what a domain owns more, or less if it is negative.
func (l *ledger) add(dom platform.DomID, u usage) {
	sum := l.domains[dom].plus(u)
	if l.domains[dom] = sum; sum == (usage{}) {
		delete(l.domains, dom)
	}
	if x := l.userOf[dom]; x != nil {
		x.usage = x.plus(u)
	}
}

// setUser says whose domain it is.
func (l *ledger) setUser(dom platform.DomID, uid uint32) {
	if l.userOf[dom] != nil {
		return
	}
	x := l.users[uid]
	if x == nil {
		x = &user{uid: uid}
		l.users[uid] = x
	}
	x.domains++
	x.usage = x.plus(l.domains[dom])
	l.userOf[dom] = x
}

// dropUser forgets whose domain it was: it has ended and owns nothing.
func (l *ledger) dropUser(dom platform.DomID) {
	x := l.userOf[dom]
	if x == nil {
		return
	}
	delete(l.userOf, dom)
	if x.domains--; x.domains == 0 {
		delete(l.users, x.uid)
	}
}
