package store

import "syscall"

func (r *request) getPerms() (string, syscall.Errno) {
	p, ok := r.one()
	if !ok {
		return "", syscall.EINVAL
	}
	if perms, ok := r.s.special[p]; ok {
		if r.ses.rights(perms)&PermRead == 0 {
			return "", syscall.EACCES
		}
		return string(appendPerms(nil, perms)), 0
	}
	_, rec, errno := r.node(p, PermRead)
	if errno != 0 {
		return "", errno
	}
	return string(appendPerms(nil, rec.perms)), 0
}

func (r *request) setPerms() (string, syscall.Errno) {
	args, ok := splitStrings(r.body)
	if !ok || len(args) < 2 {
		return "", syscall.EINVAL
	}
	if exceeds(len(args)-1, r.limit(r.ses.dom.quota.Perms)) {
		return "", syscall.ENOSPC
	}
	perms, err := parsePerms(args[1:])
	if err != nil {
		return "", syscall.EINVAL
	}
	if old, ok := r.s.special[args[0]]; ok {
		return r.setSpecialPerms(args[0], old, perms)
	}
	abs, rec, errno := r.node(args[0], PermWrite|permOwner)
	if errno != 0 {
		return "", errno
	}
	if !r.ses.privileged && perms[0].Dom != rec.owner() {
		return "", syscall.EPERM
	}
	if grown := 8 * (len(perms) - len(rec.perms)); r.tooBig(rec, grown) || !r.fits(rec.owner(), usage{bytes: grown}) {
		return "", syscall.ENOSPC
	}
	before := rec.perms
	if errno := r.v.update(abs, rec.value, perms); errno != 0 {
		return "", errno
	}
	r.changed(abs, before)
	return okReply, 0
}

// setSpecialPerms says who may watch a special name. It isn't undone by a transaction,
// so it is refused in one.
func (r *request) setSpecialPerms(name string, old, perms []Perm) (string, syscall.Errno) {
	switch {
	case r.tx != nil:
		return "", syscall.EINVAL
	case r.ses.rights(old)&permOwner == 0:
		return "", syscall.EACCES
	case !r.ses.privileged && perms[0].Dom != old[0].Dom:
		return "", syscall.EPERM
	}
	r.s.special[name] = perms
	return okReply, 0
}
