package store

import (
	"bytes"
	"strconv"
	"strings"
	"syscall"
)

// path makes a path from the wire absolute and checks it.
func (r *request) path(p string) (string, syscall.Errno) {
	abs, ok := canonical(p, r.ses.dom.id)
	if !ok || exceeds(len(abs)-domainPrefix(abs), r.limit(r.ses.dom.quota.PathLen)) {
		return "", syscall.EINVAL
	}
	return abs, 0
}

// domainPrefix is the length of a path's "/local/domain/N/", 0 without one.
func domainPrefix(p string) int {
	const prefix = "/local/domain/"
	rest, ok := strings.CutPrefix(p, prefix)
	if !ok {
		return 0
	}
	dom, _, ok := strings.Cut(rest, "/")
	if _, err := strconv.ParseUint(dom, 10, 16); !ok || err != nil {
		return 0
	}
	return len(prefix) + len(dom) + 1
}

// node finds the node of a path from the wire, of which the client wants rights. Where
// the node isn't there, ENOENT tells only those who have some of the rights at the
// nearest node above; others get EACCES (errno_from_parents, tools/xenstored/core.c). The
// absolute path is returned whenever it is valid.
func (r *request) node(p string, want Rights) (string, *record, syscall.Errno) {
	abs, errno := r.path(p)
	if errno != 0 {
		return "", nil, errno
	}
	rec, errno := r.v.get(abs)
	for up := abs; errno == syscall.ENOENT && up != "/"; {
		up = parentPath(up)
		above, e := r.v.get(up)
		switch {
		case e == syscall.ENOENT:
			continue
		case e != 0:
			return abs, nil, e
		case r.ses.rights(above.perms)&want == 0 && r.s.shared.of(up) == nil:
			return abs, nil, syscall.EACCES
		}
		return abs, nil, syscall.ENOENT
	}
	if errno != 0 {
		return abs, nil, errno
	}
	if r.ses.rights(rec.perms)&want != want {
		return abs, nil, syscall.EACCES
	}
	return abs, rec, 0
}

func (r *request) read() (string, syscall.Errno) {
	p, ok := r.one()
	if !ok {
		return "", syscall.EINVAL
	}
	_, rec, errno := r.node(p, PermRead)
	if errno != 0 {
		return "", errno
	}
	return rec.value, 0
}

func (r *request) directory() (string, syscall.Errno) {
	p, ok := r.one()
	if !ok {
		return "", syscall.EINVAL
	}
	abs, rec, errno := r.node(p, PermRead)
	if errno != 0 {
		return "", errno
	}
	if rec.nameBytes > MaxPayload {
		return "", syscall.E2BIG
	}
	return r.names(abs), 0
}

// names is the list of a node's children as the wire has it.
func (r *request) names(abs string) string {
	var b strings.Builder
	for _, name := range r.v.children(abs) {
		b.WriteString(name)
		b.WriteByte(0)
	}
	return b.String()
}

// directoryPart answers with the node's generation and as many whole names from an
// offset on as fit; an empty name follows the last (send_directory_part,
// tools/xenstored/core.c).
func (r *request) directoryPart() (string, syscall.Errno) {
	args, ok := r.between(2, 2)
	if !ok {
		return "", syscall.EINVAL
	}
	abs, rec, errno := r.node(args[0], PermRead)
	if errno != 0 {
		return "", errno
	}
	gen := strconv.FormatUint(max(rec.gen, rec.list), 10) + "\x00"
	off, err := strconv.ParseUint(args[1], 10, 31)
	if r.tx == nil && err == nil {
		part, more := r.s.tree.list([]byte(gen), abs, int(off), MaxPayload-len(gen)-1)
		if more {
			return string(part), 0
		}
		return string(part) + "\x00", 0
	}
	names := r.names(abs)
	if err != nil || int(off) >= len(names) {
		return gen + "\x00", 0
	}
	rest := names[off:]
	if room := MaxPayload - len(gen) - 1; len(rest) > room {
		return gen + rest[:strings.LastIndexByte(rest[:room], 0)+1], 0
	}
	return gen + rest + "\x00", 0
}

func (r *request) write() (string, syscall.Errno) {
	p, value, ok := bytes.Cut(r.body, []byte{0})
	if !ok {
		return "", syscall.EINVAL
	}
	abs, rec, errno := r.node(string(p), PermWrite)
	switch errno {
	case 0:
		if grown := len(value) - len(rec.value); r.tooBig(rec, grown) || !r.fits(rec.owner(), usage{bytes: grown}) {
			return "", syscall.ENOSPC
		}
		if errno := r.v.update(abs, string(value), rec.perms); errno != 0 {
			return "", errno
		}
	case syscall.ENOENT:
		if errno := r.create(abs, string(value)); errno != 0 {
			return "", errno
		}
	default:
		return "", errno
	}
	r.changed(abs, nil)
	return okReply, 0
}

func (r *request) mkdir() (string, syscall.Errno) {
	p, ok := r.one()
	if !ok {
		return "", syscall.EINVAL
	}
	abs, _, errno := r.node(p, PermWrite)
	switch errno {
	case 0:
		return okReply, 0 // and no event
	case syscall.ENOENT:
	default:
		return "", errno
	}
	if errno := r.create(abs, ""); errno != 0 {
		return "", errno
	}
	r.changed(abs, nil)
	return okReply, 0
}

// changed fires watches for a node that was made or changed. before holds its former
// permissions when those have changed.
func (r *request) changed(abs string, before []Perm) {
	e := &event{path: abs, before: before}
	if rec := r.v.peek(abs); rec != nil {
		e.now = rec.perms
	}
	if parent := r.v.peek(parentPath(abs)); parent != nil {
		e.parent = parent.perms
	}
	r.fire(e)
}

func (r *request) rm() (string, syscall.Errno) {
	p, ok := r.one()
	if !ok {
		return "", syscall.EINVAL
	}
	abs, _, errno := r.node(p, PermWrite)
	if errno == syscall.ENOENT {
		if _, e := r.v.get(parentPath(abs)); e == 0 {
			return okReply, 0 // gone already
		}
	}
	if errno != 0 {
		return "", errno
	}
	if abs == "/" {
		return "", syscall.EINVAL
	}
	// The parent's record changes; a transaction must have touched it.
	if _, errno := r.v.get(parentPath(abs)); errno != 0 {
		return "", errno
	}
	errno = removeBelow(r.v, abs, func(path string, rec *record) {
		r.fire(r.s.removal(r.v, path, rec, path != abs))
	})
	if errno != 0 {
		return "", errno
	}
	return okReply, 0
}
