package store

import (
	"syscall"

	"github.com/xenidc/idc/runtime/platform"
)

// record is what a node holds, beside its children. A record is never changed once
// others may see it, except by its tree or transaction.
type record struct {
	value     string
	perms     []Perm // at least the owner; shared, never changed in place
	gen       uint64 // changes with the value, the permissions and the set of children
	list      uint64 // changes with the set of children, where gen doesn't
	nameBytes int    // bytes of the children's names, each with a NUL; 0 in shared directories
}

// size is what counts against Quota.NodeSize: as in xenstored, the whole record that
// it would store (struct xs_tdb_record_hdr, then 8 bytes per permission).
func (r *record) size() int { return 24 + 8*len(r.perms) + len(r.value) + r.nameBytes }

func (r *record) owner() platform.DomID { return r.perms[0].Dom }

// view is the tree as a request sees it: the tree itself, or a transaction upon it.
// Paths are absolute and valid. Errors are ENOENT, or ENOSPC where a transaction may
// touch no more nodes or hold no more bytes; the tree itself has none of the latter.
type view interface {
	// get returns a node's record and takes note of the reading.
	get(path string) (*record, syscall.Errno)
	// peek is get without taking note; nil when the node isn't there.
	peek(path string) *record
	// children returns the names of an existing node's children in order of making.
	children(path string) []string
	// insert adds a node whose parent exists and which doesn't.
	insert(path, value string, perms []Perm) syscall.Errno
	// update replaces an existing node's value and permissions.
	update(path, value string, perms []Perm) syscall.Errno
	// remove removes an existing node that has no children and isn't the root.
	remove(path string)
	// owned is what a domain owns.
	owned(dom platform.DomID) usage
	// madeIn is how many nodes of a domain's user are in a shared directory.
	madeIn(dir string, dom platform.DomID) int
}

// node is a node of the tree. Siblings are linked in the order of their making, so
// that adding and removing one costs the same among a hundred thousand.
//
//	parent -> first <-> next <-> ... <-> last
type node struct {
	record
	path        string
	name        string        // last part of path
	shared      map[party]int // children by whose they are; nil if it isn't a shared directory
	parent      *node
	first, last *node // children
	prev, next  *node // siblings
	party       party // whose it is, as its parent has counted it
}

func (n *node) link(parent *node) {
	n.parent = parent
	n.prev = parent.last
	if n.prev != nil {
		n.prev.next = n
	} else {
		parent.first = n
	}
	parent.last = n
	parent.counts(n, 1)
}

func (n *node) unlink() {
	if n.prev != nil {
		n.prev.next = n.next
	} else {
		n.parent.first = n.next
	}
	if n.next != nil {
		n.next.prev = n.prev
	} else {
		n.parent.last = n.prev
	}
	n.parent.counts(n, -1)
	n.parent, n.prev, n.next = nil, nil, nil
}

// counts takes note of a child that was added or removed.
func (n *node) counts(child *node, by int) {
	if n.shared == nil {
		n.nameBytes += by * (len(child.name) + 1)
		return
	}
	if n.shared[child.party] += by; n.shared[child.party] == 0 {
		delete(n.shared, child.party)
	}
}

// tree is the store's content. Its user holds the server's lock.
type tree struct {
	nodes  map[string]*node // by absolute path
	shared sharedDirs
	ledger ledger
	gen    uint64 // last one given out
}

// newTree makes a tree of the root alone, which domain 0 owns and nobody else reads.
func newTree(shared sharedDirs, most UserQuota) *tree {
	t := &tree{nodes: map[string]*node{}, shared: shared, ledger: newLedger(most)}
	root := &node{path: "/"}
	root.perms = []Perm{{Dom: 0}}
	root.gen = t.nextGen()
	t.nodes["/"] = root
	t.ledger.add(0, root.cost(root.path))
	return t
}

func (t *tree) nextGen() uint64 {
	t.gen++
	return t.gen
}

func (t *tree) get(path string) (*record, syscall.Errno) {
	if n := t.nodes[path]; n != nil {
		return &n.record, 0
	}
	return nil, syscall.ENOENT
}

func (t *tree) peek(path string) *record {
	r, _ := t.get(path)
	return r
}

func (t *tree) children(path string) []string {
	var out []string
	for c := t.nodes[path].first; c != nil; c = c.next {
		out = append(out, c.name)
	}
	return out
}

func (t *tree) insert(path, value string, perms []Perm) syscall.Errno {
	n := &node{path: path, name: baseName(path)}
	n.value, n.perms, n.gen = value, perms, t.nextGen()
	if t.shared.of(path) != nil {
		n.shared = map[party]int{}
	}
	n.party = t.ledger.party(n.owner())
	n.link(t.nodes[parentPath(path)])
	t.relisted(n.parent)
	t.nodes[path] = n
	t.ledger.add(n.owner(), n.cost(path))
	return 0
}

func (t *tree) update(path, value string, perms []Perm) syscall.Errno {
	n := t.nodes[path]
	t.ledger.add(n.owner(), n.cost(path).negative())
	if n.parent != nil {
		n.parent.counts(n, -1) // its owner may be another
	}
	n.value, n.perms, n.gen = value, perms, t.nextGen()
	n.party = t.ledger.party(n.owner())
	if n.parent != nil {
		n.parent.counts(n, 1)
	}
	t.ledger.add(n.owner(), n.cost(path))
	return 0
}

func (t *tree) remove(path string) {
	n := t.nodes[path]
	t.relisted(n.parent)
	n.unlink()
	delete(t.nodes, path)
	t.ledger.add(n.owner(), n.cost(path).negative())
}

// relisted takes note that the set of a node's children changes.
func (t *tree) relisted(n *node) {
	if n.shared != nil {
		n.list = t.nextGen()
		return
	}
	n.gen = t.nextGen()
}

func (t *tree) owned(dom platform.DomID) usage { return t.ledger.of(dom) }

func (t *tree) madeIn(dir string, dom platform.DomID) int {
	return t.nodes[dir].shared[t.ledger.party(dom)]
}

// list appends the names of a node's children from a byte of their list on, as far as they
// fit into so many bytes, each with a NUL. more says that others follow.
func (t *tree) list(b []byte, path string, off, room int) (_ []byte, more bool) {
	for c := t.nodes[path].first; c != nil; c = c.next {
		if off >= len(c.name)+1 {
			off -= len(c.name) + 1
			continue
		}
		part := c.name[min(off, len(c.name)):]
		off = 0
		if room -= len(part) + 1; room < 0 {
			return b, true
		}
		b = append(append(b, part...), 0)
	}
	return b, false
}

// removeBelow removes a node and all below it, children first, and tells each before
// it goes. It stops at the first error, which only a transaction has.
func removeBelow(v view, path string, gone func(path string, r *record)) syscall.Errno {
	r, errno := v.get(path)
	if errno != 0 {
		return errno
	}
	for _, name := range v.children(path) {
		if errno := removeBelow(v, childPath(path, name), gone); errno != 0 {
			return errno
		}
	}
	gone(path, r)
	v.remove(path)
	return 0
}
