package store

import (
	"errors"
	"strconv"
	"strings"
	"syscall"

	"github.com/xenidc/idc/runtime/platform"
)

// Shared is a directory in which domains meet that don't trust each other. In xenstore's
// own terms all of them would have to be able to write to it, and so to remove it, and
// what others made in it. Here nobody writes to the directory but its owner; yet every
// domain may make nodes in it, as the rule says, and a node belongs to who made it:
//
//   - It begins with the permissions that its maker can do everything, the directory's
//     owner can read it, and others can do nothing. Its maker may change them.
//   - Nobody else writes to it or removes it, but the directory's owner, by removing the
//     directory, and privileged domains.
//   - It isn't counted into the directory's size, so the directory's capacity is what its
//     domains may have together.
//   - Making or removing it doesn't conflict with transactions that touched the directory.
//   - It isn't made in passing: a node below it can only be made when it is there.
//   - Whether it is there is known to all.
type Shared struct {
	// Dir is the directory's path. An element "*" stands for any name.
	Dir string
	// Most is how many nodes of one user may be in it, or of one domain where its user isn't
	// known; 0 is no limit.
	Most int
	// May decides whether dom may make a node called name. It runs under the server's lock,
	// so it must not block or call the server. An error that wraps a syscall.Errno is
	// answered with that, others with EACCES. Nil allows all.
	May func(dom platform.DomID, name string) error
}

// ServicesDir is where domains announce services: as /idc/DEVICE@NAME, with the directory
// fronts in it, in which front ends ask for them.
const ServicesDir = "/idc"

// Discovery is the shared directories through which endpoints of package idc find each
// other by name. Whoever runs a server for them gives it these. may decides which domain
// may announce which service, "DEVICE@NAME"; nil allows all.
func Discovery(may func(dom platform.DomID, service string) error) []Shared {
	return []Shared{
		{Dir: ServicesDir, May: may, Most: maxServices},
		{Dir: ServicesDir + "/*/fronts", May: ownRequest, Most: maxRequests},
	}
}

const (
	maxServices = 8192 // of one user
	maxRequests = 4096 // of one user, for one service
)

// ownRequest allows nodes that begin with the domain's own number: nobody can take the
// name of another's request.
func ownRequest(dom platform.DomID, name string) error {
	if !strings.HasPrefix(name, strconv.Itoa(int(dom))+"-") {
		return syscall.EACCES
	}
	return nil
}

// sharedDirs finds the rule of a directory.
type sharedDirs []Shared

// of returns the rule of the directory at path, or nil.
func (s sharedDirs) of(path string) *Shared {
	for i := range s {
		if s[i].matches(path) {
			return &s[i]
		}
	}
	return nil
}

func (s *Shared) matches(path string) bool {
	pattern := s.Dir
	for {
		want, more, deep := strings.Cut(pattern, "/")
		got, rest, deeper := strings.Cut(path, "/")
		if deep != deeper || want != got && (want != "*" || got == "") {
			return false
		}
		if !deep {
			return true
		}
		pattern, path = more, rest
	}
}

// makeShared makes the shared directories that have one path each.
func (s *Server) makeShared() {
	for _, d := range s.shared {
		if strings.Contains(d.Dir, "*") || s.tree.peek(d.Dir) != nil || s.tree.peek(parentPath(d.Dir)) == nil {
			continue
		}
		s.tree.insert(d.Dir, "", []Perm{{Dom: 0, Rights: PermRead}})
	}
}

// mayShare says whether the client may make a node in a shared directory.
func (r *request) mayShare(rule *Shared, dir, name string) syscall.Errno {
	if rule.Most > 0 && r.v.madeIn(dir, r.ses.dom.id) >= rule.Most {
		return syscall.ENOSPC
	}
	if rule.May == nil {
		return 0
	}
	err := rule.May(r.ses.dom.id, name)
	errno := syscall.EACCES
	errors.As(err, &errno)
	if err == nil {
		errno = 0
	}
	return errno
}
