package store

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
)

func (r *request) getDomainPath() (string, syscall.Errno) {
	dom, errno := r.oneDomain()
	if errno != 0 {
		return "", errno
	}
	return DomainPath(dom) + "\x00", 0
}

func (r *request) isDomainIntroduced() (string, syscall.Errno) {
	dom, errno := r.oneDomain()
	if errno != 0 {
		return "", errno
	}
	if d := r.s.domains[dom]; d != nil && d.introduced {
		return "T\x00", 0
	}
	return "F\x00", 0
}

// introduce takes the page and the port of the domain's ring, and has no use for them:
// domains come to this server over connections.
func (r *request) introduce() (string, syscall.Errno) {
	args, ok := splitStrings(r.body)
	if !ok || len(args) < 3 {
		return "", syscall.EINVAL
	}
	dom, errno := parseDomain(args[0])
	if errno != 0 {
		return "", errno
	}
	if port, err := strconv.ParseUint(args[2], 10, 31); err != nil || port == 0 {
		return "", syscall.EINVAL
	}
	r.s.introduce(dom)
	return okReply, 0
}

func (r *request) release() (string, syscall.Errno) {
	d, errno := r.managed()
	if errno != 0 {
		return "", errno
	}
	r.s.release(d.id)
	return okReply, 0
}

// resume is for a daemon that asks the hypervisor for the state of domains. This one
// is told, so there is nothing to do.
func (r *request) resume() (string, syscall.Errno) {
	_, errno := r.managed()
	return okReply, errno
}

// managed returns the introduced domain, not domain 0, that the payload names.
func (r *request) managed() (*domain, syscall.Errno) {
	dom, errno := r.oneDomain()
	if errno != 0 {
		return nil, errno
	}
	if dom == 0 {
		return nil, syscall.EINVAL
	}
	return r.s.connected(dom)
}

func (r *request) setTarget() (string, syscall.Errno) {
	args, ok := splitStrings(r.body)
	if !ok || len(args) < 2 {
		return "", syscall.EINVAL
	}
	dom, errno := parseDomain(args[0])
	if errno != 0 {
		return "", errno
	}
	target, errno := parseDomain(args[1])
	if errno != 0 {
		return "", errno
	}
	d, errno := r.s.connected(dom)
	if errno != 0 {
		return "", errno
	}
	if _, errno := r.s.connected(target); errno != 0 {
		return "", errno
	}
	d.target = &target
	return okReply, 0
}

func (r *request) getFeature() (string, syscall.Errno) {
	args, ok := r.between(0, 1)
	if len(args) == 1 && args[0] == "" {
		args = nil // an empty payload is sent as one NUL, too
	}
	switch {
	case !ok:
		return "", syscall.EINVAL
	case len(args) == 0:
		return strconv.FormatUint(uint64(r.ses.dom.features), 10) + "\x00", 0
	case !r.ses.privileged:
		return "", syscall.EACCES
	}
	dom, errno := parseDomain(args[0])
	if errno != 0 {
		return "", errno
	}
	d := r.s.domains[dom]
	if d == nil {
		return "", syscall.ENOENT
	}
	return strconv.FormatUint(uint64(d.features), 10) + "\x00", 0
}

func (r *request) setFeature() (string, syscall.Errno) {
	args, ok := r.between(2, 2)
	if !ok {
		return "", syscall.EINVAL
	}
	dom, errno := parseDomain(args[0])
	if errno != 0 {
		return "", errno
	}
	d := r.s.domains[dom]
	if d == nil {
		return "", syscall.ENOENT
	}
	if d.introduced {
		return "", syscall.EBUSY
	}
	n, err := strconv.ParseUint(args[1], 10, 32)
	if err != nil || n&^features != 0 {
		return "", syscall.EINVAL
	}
	d.features = uint32(n)
	return okReply, 0
}

func (r *request) getQuota() (string, syscall.Errno) {
	args, ok := r.between(0, 2)
	if !ok {
		return "", syscall.EINVAL
	}
	if len(args) == 0 || len(args) == 1 && args[0] == "" {
		return quotaList() + "\x00", 0
	}
	q, errno := r.quotaOf(args[:len(args)-1])
	if errno != 0 {
		return "", errno
	}
	n := q.byName(args[len(args)-1])
	if n == nil {
		return "", syscall.EINVAL
	}
	return strconv.Itoa(*n) + "\x00", 0
}

// quotaOf is the quota of the one domain that dom holds, or when it is empty the one
// that new domains get.
func (r *request) quotaOf(dom []string) (*Quota, syscall.Errno) {
	if len(dom) == 0 {
		return &r.s.quota, 0
	}
	id, errno := parseDomain(dom[0])
	if errno != 0 {
		return nil, errno
	}
	d := r.s.domains[id]
	if d == nil {
		return nil, syscall.ENOENT
	}
	return &d.quota, 0
}

func quotaList() string {
	var names []string
	for _, n := range quotaNames {
		names = append(names, n.name)
	}
	return strings.Join(names, " ")
}

func (r *request) setQuota() (string, syscall.Errno) {
	args, ok := r.between(2, 3)
	if !ok {
		return "", syscall.EINVAL
	}
	q, errno := r.quotaOf(args[:len(args)-2])
	if errno != 0 {
		return "", errno
	}
	n := q.byName(args[len(args)-2])
	val, err := strconv.ParseUint(args[len(args)-1], 10, 31)
	if n == nil || err != nil {
		return "", syscall.EINVAL
	}
	*n = int(val)
	return okReply, 0
}

// control carries out the few commands that make sense here. All of them belong to the
// implementation (docs/misc/xenstore.txt).
func (r *request) control() (string, syscall.Errno) {
	args, ok := splitStrings(r.body)
	if !ok || len(args) == 0 {
		return "", syscall.EINVAL
	}
	switch args[0] {
	case "help":
		return "check\nhelp\nusage <domid>\n\x00", 0
	case "check":
		return okReply, 0
	case "usage":
		return r.usage(args[1:])
	}
	return "", syscall.EINVAL
}

// usage tells what a domain holds, and what it may: a line "name n limit" for each, and
// its user's number if it is known.
func (r *request) usage(args []string) (string, syscall.Errno) {
	if len(args) != 1 {
		return "", syscall.EINVAL
	}
	id, errno := parseDomain(args[0])
	if errno != 0 {
		return "", errno
	}
	d := r.s.domains[id]
	if d == nil {
		return "", syscall.ENOENT
	}
	owned := r.s.tree.owned(id)
	var b strings.Builder
	for _, l := range []struct {
		name    string
		n, most int
	}{
		{"nodes", owned.nodes, d.quota.Nodes}, {"memory", owned.bytes, d.quota.Memory},
		{"watches", d.watches, d.quota.Watches}, {"transactions", d.transactions, d.quota.Transactions},
		{"connections", d.sessions, d.quota.Connections},
	} {
		fmt.Fprintf(&b, "%s %d %d\n", l.name, l.n, l.most)
	}
	if u := r.s.tree.ledger.userOf[id]; u != nil {
		fmt.Fprintf(&b, "user %d\n", u.uid)
	}
	return b.String() + "\x00", 0
}
