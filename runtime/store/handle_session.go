package store

import (
	"strconv"
	"strings"
	"syscall"
)

func (r *request) watch() (string, syscall.Errno) {
	args, ok := r.between(2, 3)
	if !ok {
		return "", syscall.EINVAL
	}
	w := &watch{ses: r.ses, token: args[1], depth: -1}
	if len(args) == 3 {
		n, err := strconv.ParseUint(args[2], 10, 16)
		if err != nil || r.ses.dom.features&featureWatchDepth == 0 {
			return "", syscall.EINVAL
		}
		w.depth = int(n)
	}
	path, errno := r.watchPath(args[0])
	if errno != 0 {
		return "", errno
	}
	w.path = path
	if c := args[0][0]; c != '/' && c != '@' {
		w.prefix = DomainPath(r.ses.dom.id)
	}
	if r.ses.watches[watchKey{path, w.token}] != nil {
		return "", syscall.EEXIST
	}
	if exceeds(r.ses.dom.watches+1, r.limit(r.ses.dom.quota.Watches)) || r.userExceeds(r.ses.dom.user.watches+1, r.s.tree.ledger.most.Watches) {
		return "", syscall.ENOSPC
	}
	r.s.addWatch(w)
	return okReply, 0
}

// watchPath makes the path of a watch absolute: that of a node, or a special name.
func (r *request) watchPath(p string) (string, syscall.Errno) {
	if !strings.HasPrefix(p, "@") {
		return r.path(p)
	}
	if len(p) > MaxRelPath || !ValidPath("/"+p) {
		return "", syscall.EINVAL
	}
	return p, 0
}

// firstEvent fires the watch just made, once, so that its client reads the state as
// it is. It comes after the reply.
func (r *request) firstEvent() {
	args, _ := splitStrings(r.body)
	path, errno := r.watchPath(args[0])
	if w := r.ses.watches[watchKey{path, args[1]}]; errno == 0 && w != nil {
		r.ses.out.event(w, path)
	}
}

func (r *request) unwatch() (string, syscall.Errno) {
	args, ok := r.between(2, 2)
	if !ok {
		return "", syscall.EINVAL
	}
	path, errno := r.watchPath(args[0])
	if errno != 0 {
		return "", errno
	}
	w := r.ses.watches[watchKey{path, args[1]}]
	if w == nil {
		return "", syscall.ENOENT
	}
	r.s.dropWatch(w)
	return okReply, 0
}

func (r *request) resetWatches() (string, syscall.Errno) {
	r.s.resetSession(r.ses)
	return okReply, 0
}

func (r *request) transactionStart() (string, syscall.Errno) {
	if r.tx != nil {
		return "", syscall.EBUSY
	}
	dom := r.ses.dom
	if exceeds(dom.transactions+1, r.limit(dom.quota.Transactions)) || r.userExceeds(dom.user.transactions+1, r.s.tree.ledger.most.Transactions) {
		return "", syscall.ENOSPC
	}
	id := r.ses.lastTx + 1
	for id == 0 || r.ses.transactions[id] != nil {
		id++
	}
	r.ses.lastTx = id
	r.ses.transactions[id] = newOverlay(r.s.tree, dom, r.ses.privileged)
	dom.transactions++
	dom.user.transactions++
	return strconv.FormatUint(uint64(id), 10) + "\x00", 0
}

// transactionEnd ends a transaction. It is gone whatever comes of it, but for an
// argument that says neither T nor F.
func (r *request) transactionEnd() (string, syscall.Errno) {
	arg, ok := r.one()
	if !ok || arg != "T" && arg != "F" {
		return "", syscall.EINVAL
	}
	if r.tx == nil {
		return "", syscall.ENOENT
	}
	r.s.endTransaction(r.ses, r.h.tx)
	if arg == "F" {
		return okReply, 0
	}
	return okReply, r.commit()
}

func (r *request) commit() syscall.Errno {
	dom := r.ses.dom
	switch {
	case r.tx.failed:
		return syscall.ENOMEM // sic: as xenstored answers
	case !r.fits(dom.id, usage{}):
		return syscall.ENOSPC
	case r.tx.conflicts():
		return syscall.EAGAIN
	}
	r.tx.apply()
	for i := range r.tx.events {
		if e := &r.tx.events[i]; !r.tx.fleeting(e.path) {
			r.s.watches.fire(e)
		}
	}
	return 0
}
