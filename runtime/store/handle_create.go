package store

import "syscall"

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
	if !r.ses.privileged {
		perms = append([]Perm{{r.ses.dom.id, perms[0].Rights}}, perms[1:]...)
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
	dom := r.ses.dom
	if exceeds(r.v.owned(dom.id)+len(missing), r.limit(dom.quota.Nodes)) {
		return true
	}
	leaf := record{perms: perms}
	if r.tooBig(&leaf, len(value)) || r.tooBig(parent, len(baseName(missing[len(missing)-1]))+1) {
		return true
	}
	for _, p := range missing[:len(missing)-1] {
		if r.tooBig(&leaf, len(baseName(p))+1) {
			return true
		}
	}
	return false
}

// tooBig says whether a node may not grow by n bytes.
func (r *request) tooBig(rec *record, n int) bool {
	return n > 0 && exceeds(rec.size()+n, r.limit(r.ses.dom.quota.NodeSize))
}
