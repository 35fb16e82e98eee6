package store

import (
	"maps"
	"slices"
	"syscall"

	"github.com/xenidc/idc/runtime/platform"
)

// overlay is a transaction: the nodes that it touched, as it sees them, upon the tree.
//
//	get: shadow if touched, else the tree's record, whose generation is noted
//	commit: every noted generation must still be the tree's; then the changes go in
//
// So a transaction conflicts exactly when a node that it read was changed by
// another: its value, its permissions, or the set of its children (access_node and
// finalize_transaction, tools/xenstored/transaction.c). A node is read, too, before
// it is written. There is no snapshot: a node is first seen as it is when it is first
// touched.
type overlay struct {
	base    *tree
	dom     *domain // whose quotas count; its entry knows the bytes of all transactions
	free    bool    // no quotas count: the client is privileged
	bytes   int     // of dom.txBytes, those of this one
	shadows map[string]*shadow
	order   int                      // of the last change that made or removed a node
	owners  map[platform.DomID]usage // what they own more than in the tree
	events  []event                  // for when it is committed, in order
	eventAt map[string]int           // index into events by path
	failed  bool                     // a request ran out of nodes or bytes: it can't be committed
}

// shadow is a node as a transaction sees it.
type shadow struct {
	record
	path    string
	seen    uint64 // the tree's generation when first touched, 0 for absent
	exists  bool
	changed bool
	order   int  // when it was made, removed or first changed
	fresh   bool // made here: the tree's children aren't its own
	charged int  // bytes counted for its value and permissions

	added   []string            // children made here, in order
	removed map[string]struct{} // of the tree's children
}

// shadowBytes is what counts for a shadow beside its path, value and permissions. It
// is about what it, its places in two maps and its event take.
const shadowBytes = 512

func newOverlay(base *tree, dom *domain, free bool) *overlay {
	return &overlay{
		base:    base,
		dom:     dom,
		free:    free,
		shadows: map[string]*shadow{},
		owners:  map[platform.DomID]usage{},
		eventAt: map[string]int{},
	}
}

// touch returns the shadow of path, made from the tree where there is none.
func (o *overlay) touch(path string) (*shadow, syscall.Errno) {
	if s := o.shadows[path]; s != nil {
		return s, 0
	}
	if !o.free && exceeds(len(o.shadows)+1, o.dom.quota.TransactionNodes) {
		o.failed = true
		return nil, syscall.ENOSPC
	}
	if errno := o.charge(shadowBytes + len(path)); errno != 0 {
		return nil, errno
	}
	s := &shadow{path: path}
	if n := o.base.nodes[path]; n != nil {
		s.record, s.seen, s.exists = n.record, n.gen, true
	}
	o.shadows[path] = s
	return s, 0
}

// charge counts n more bytes, or fewer when it is negative.
func (o *overlay) charge(n int) syscall.Errno {
	if n > 0 && !o.free && exceeds(o.dom.txBytes+n, o.dom.quota.TransactionMemory) {
		o.failed = true
		return syscall.ENOSPC
	}
	o.dom.txBytes += n
	o.bytes += n
	return 0
}

// chargeContent counts what s is to hold instead of what it holds.
func (o *overlay) chargeContent(s *shadow, value string, perms []Perm) syscall.Errno {
	n := len(value) + 8*len(perms)
	errno := o.charge(n - s.charged)
	if errno == 0 {
		s.charged = n
	}
	return errno
}

// touched returns the shadow of a path that a get has touched before.
func (o *overlay) touched(path string) *shadow { return o.shadows[path] }

func (o *overlay) get(path string) (*record, syscall.Errno) {
	s, errno := o.touch(path)
	if errno != 0 {
		return nil, errno
	}
	if !s.exists {
		return nil, syscall.ENOENT
	}
	return &s.record, 0
}

func (o *overlay) peek(path string) *record {
	s := o.shadows[path]
	if s == nil {
		return o.base.peek(path)
	}
	if !s.exists {
		return nil
	}
	return &s.record
}

func (o *overlay) children(path string) []string {
	s := o.touched(path)
	var out []string
	if n := o.base.nodes[path]; n != nil && !s.fresh {
		// A child of the tree's that was made here, too, is there twice only when others
		// have made it since: the commit will fail, but no name may come twice.
		hidden := s.removed
		if (n.gen != s.seen || n.shared != nil) && len(s.added) > 0 {
			hidden = maps.Clone(hidden)
			if hidden == nil {
				hidden = map[string]struct{}{}
			}
			for _, name := range s.added {
				hidden[name] = struct{}{}
			}
		}
		for c := n.first; c != nil; c = c.next {
			if _, gone := hidden[c.name]; !gone {
				out = append(out, c.name)
			}
		}
	}
	return append(out, s.added...)
}

// structural marks s as made or removed now.
func (o *overlay) structural(s *shadow) {
	o.order++
	s.order = o.order
	s.changed = true
}

// changedInPlace marks s as changed. Its place in the order stays when it has one: a
// node made here must be put in before its children.
func (o *overlay) changedInPlace(s *shadow) {
	if !s.changed {
		o.structural(s)
	}
	s.gen = o.base.nextGen()
}

func (o *overlay) insert(path, value string, perms []Perm) syscall.Errno {
	s := o.touched(path)
	if errno := o.chargeContent(s, value, perms); errno != 0 {
		return errno
	}
	name := baseName(path)
	parent := o.relisted(parentPath(path), len(name)+1)
	parent.added = append(parent.added, name)

	o.structural(s)
	s.record = record{value: value, perms: perms, gen: o.base.nextGen()}
	s.exists, s.fresh = true, true
	s.added, s.removed = nil, nil
	o.owns(s, 1)
	return 0
}

// relisted takes note that the set of a node's children changes, and by how many bytes.
// Of a shared directory nobody but this transaction is to notice.
func (o *overlay) relisted(path string, bytes int) *shadow {
	s := o.touched(path)
	if o.base.shared.of(path) == nil {
		o.changedInPlace(s)
		s.nameBytes += bytes
	}
	return s
}

// owns counts a node as its owner's, or not any more if by is -1.
func (o *overlay) owns(s *shadow, by int) {
	u := s.cost(s.path)
	if by < 0 {
		u = u.negative()
	}
	o.owners[s.owner()] = o.owners[s.owner()].plus(u)
}

func (o *overlay) update(path, value string, perms []Perm) syscall.Errno {
	s := o.touched(path)
	if errno := o.chargeContent(s, value, perms); errno != 0 {
		return errno
	}
	o.changedInPlace(s)
	o.owns(s, -1)
	s.value, s.perms = value, perms
	o.owns(s, 1)
	return 0
}

func (o *overlay) remove(path string) {
	name := baseName(path)
	parent := o.relisted(parentPath(path), -len(name)-1)
	if i := slices.Index(parent.added, name); i >= 0 {
		parent.added = slices.Delete(parent.added, i, i+1)
	} else {
		if parent.removed == nil {
			parent.removed = map[string]struct{}{}
		}
		parent.removed[name] = struct{}{}
	}
	s := o.touched(path)
	o.structural(s)
	s.exists = false
	o.owns(s, -1)
}

func (o *overlay) owned(dom platform.DomID) usage { return o.base.owned(dom).plus(o.owners[dom]) }

func (o *overlay) madeIn(dir string, dom platform.DomID) (n int) {
	if o.base.nodes[dir] != nil {
		n = o.base.madeIn(dir, dom)
	}
	return n + len(o.touched(dir).added)
}

// queue keeps an event until the commit. One per path: that of a removal or a change
// of all below wins over an exact one.
func (o *overlay) queue(e event) {
	i, ok := o.eventAt[e.path]
	if !ok {
		o.eventAt[e.path] = len(o.events)
		o.events = append(o.events, e)
		return
	}
	old := &o.events[i]
	e.exact = e.exact && old.exact
	e.before = old.before // what watchers could see before we began
	*old = e
}

// fleeting says whether a node was made and removed here: nobody is to know.
func (o *overlay) fleeting(path string) bool {
	s := o.shadows[path]
	return s.seen == 0 && !s.exists
}

// conflicts says whether another changed what we read.
func (o *overlay) conflicts() bool {
	for path, s := range o.shadows {
		var now uint64
		if n := o.base.nodes[path]; n != nil {
			now = n.gen
		}
		if now != s.seen {
			return true
		}
	}
	return false
}

// apply puts the changes into the tree. There must be no conflicts, so the tree still
// is what the shadows were made from.
func (o *overlay) apply() {
	var changed []*shadow
	for _, s := range o.shadows {
		if s.changed {
			changed = append(changed, s)
		}
	}
	slices.SortFunc(changed, func(a, b *shadow) int { return a.order - b.order })
	for _, s := range changed {
		o.applyOne(s)
	}
}

func (o *overlay) applyOne(s *shadow) {
	if _, there := o.base.nodes[s.path]; there && (s.fresh || !s.exists) {
		// Nothing below was added since by others: that would have been a conflict.
		removeBelow(o.base, s.path, func(string, *record) {})
	}
	switch _, there := o.base.nodes[s.path]; {
	case !s.exists:
	case there:
		o.base.update(s.path, s.value, s.perms)
	default:
		o.base.insert(s.path, s.value, s.perms)
	}
}
