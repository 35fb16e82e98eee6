//go:build linux

package broker

import (
	"fmt"
	"path"
	"slices"
	"sync"
	"syscall"

	"github.com/xenidc/idc/runtime/platform"
)

// NameRule says who may serve the names that it is about.
type NameRule struct {
	// Pattern is that of path.Match, for names as the store has them: DEVICE@NAME,
	// for example "vbd@swap-*".
	Pattern string
	// Users and Groups may serve them, besides root.
	Users, Groups []uint32
}

// maxOwned is how many names are remembered for one user other than root.
const maxOwned = 8192

// names decides which domain may serve which name: by the first rule that is about it,
// and where there is none, by who had it first. A name that somebody has served stays
// that user's while the broker lives, so that nobody can take the place of a server that
// has died, and get what its front ends send when they come back. Root may serve any.
//
// It is asked under the store's lock, and calls nobody.
type names struct {
	rules []NameRule

	mu     sync.Mutex
	users  map[platform.DomID]who
	owners map[string]uint32 // uid by name
	owned  map[uint32]int    // names by uid
}

func newNames(rules []NameRule) (*names, error) {
	for _, r := range rules {
		if _, err := path.Match(r.Pattern, ""); err != nil {
			return nil, fmt.Errorf("rule for names %q: %w", r.Pattern, err)
		}
	}
	return &names{
		rules: rules, users: map[platform.DomID]who{},
		owners: map[string]uint32{}, owned: map[uint32]int{},
	}, nil
}

// join and leave tell which user a domain is of.
func (n *names) join(dom platform.DomID, w who) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.users[dom] = w
}

func (n *names) leave(dom platform.DomID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.users, dom)
}

// may decides whether a domain may announce a name, and remembers whose it is.
func (n *names) may(dom platform.DomID, name string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	w, joined := n.users[dom]
	if !joined {
		return syscall.EACCES
	}
	for _, r := range n.rules {
		if ok, _ := path.Match(r.Pattern, name); ok {
			if w.uid == 0 || slices.Contains(r.Users, w.uid) || slices.Contains(r.Groups, w.gid) {
				return nil
			}
			return syscall.EACCES
		}
	}
	return n.byFirst(w.uid, name)
}

// byFirst gives a name to the first who wants it. The lock is held.
func (n *names) byFirst(uid uint32, name string) error {
	owner, taken := n.owners[name]
	switch {
	case taken && owner == uid:
		return nil
	case taken && uid != 0:
		return syscall.EACCES
	case taken:
		n.owned[owner]--
	case uid != 0 && n.owned[uid] >= maxOwned:
		return syscall.ENOSPC
	}
	n.owners[name] = uid
	n.owned[uid]++
	return nil
}
