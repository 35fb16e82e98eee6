package store

import (
	"syscall"

	"github.com/xenidc/idc/runtime/platform"
)

// create makes a node that isn't there, and those above it. They have the permissions
// of the nearest node that was there; an unprivileged domain owns what it makes
// (construct_node, tools/xenstored/core.c). All are made or none.
func (r *request) create(abs, value string) syscall.Errno {
	missing := []string{abs}
	above := parentPath(abs)
	parent, errno := r.v.get(above)
	for ; errno == syscall.ENOENT; parent, errno = r.v.get(above) {
		missing = append(missing, above)
		above = parentPath(above)
	}
	if errno != 0 {
		return errno
	}
	perms := parent.perms
	rule := r.s.shared.of(above)
	switch own := r.ses.dom.id; {
	case r.ses.privileged:
	case rule == nil || r.ses.is(parent.owner()):
		perms = append([]Perm{{own, perms[0].Rights}}, perms[1:]...)
	case len(missing) > 1:
		return syscall.ENOENT
	default:
		if errno := r.mayShare(rule, above, baseName(abs)); errno != 0 {
			return errno
		}
		perms = []Perm{{Dom: own}, {Dom: parent.owner(), Rights: PermRead}}
	}
	if r.noRoom(parent, perms, missing, value) {
		return syscall.ENOSPC
	}
	for i := len(missing) - 1; i > 0; i-- {
		if errno := r.v.insert(missing[i], "", perms); errno != 0 {
			return errno
		}
	}
	return r.v.insert(abs, value, perms)
}

// noRoom says whether making the missing nodes, of which the first is to have value
// and the last goes below parent, exceeds a quota of the client's.
func (r *request) noRoom(parent *record, perms []Perm, missing []string, value string) bool {
	more := costOf(missing[0], value, perms)
	for _, p := range missing[1:] {
		more = more.plus(costOf(p, "", perms))
	}
	if !r.fits(r.ses.dom.id, more) {
		return true
	}
	leaf := record{perms: perms}
	last := missing[len(missing)-1]
	if r.tooBig(&leaf, len(value)) || r.s.shared.of(parentPath(last)) == nil && r.tooBig(parent, len(baseName(last))+1) {
		return true
	}
	for _, p := range missing[:len(missing)-1] {
		if r.tooBig(&leaf, len(baseName(p))+1) {
			return true
		}
	}
	return false
}

// fits says whether a domain may own so much more, and its user. What is less is always
// allowed.
func (r *request) fits(dom platform.DomID, more usage) bool {
	if r.ses.privileged {
		return true
	}
	grown := more
	if r.tx != nil {
		grown = grown.plus(r.tx.owners[dom])
	}
	all := r.v.owned(dom).plus(more)
	q := r.s.domain(dom).quota
	if grown.nodes > 0 && exceeds(all.nodes, q.Nodes) || grown.bytes > 0 && exceeds(all.bytes, q.Memory) {
		return false
	}
	x := r.s.tree.ledger.userOf[dom]
	if x == nil {
		return true
	}
	all = x.plus(grown)
	most := r.s.tree.ledger.most
	return !(grown.nodes > 0 && exceeds(all.nodes, most.Nodes) || grown.bytes > 0 && exceeds(all.bytes, most.Memory))
}

// userExceeds says whether n is more than a limit of users', which privileged clients
// don't have.
func (r *request) userExceeds(n, limit int) bool { return exceeds(n, r.limit(limit)) }

// tooBig says whether a node may not grow by n bytes.
func (r *request) tooBig(rec *record, n int) bool {
	return n > 0 && exceeds(rec.size()+n, r.limit(r.ses.dom.quota.NodeSize))
}
