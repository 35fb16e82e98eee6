package golang

import (
	"github.com/xenidc/idc/idl/diag"
)

// scope is where each name means one thing: a package, a struct with its methods.
type scope struct {
	diags *diag.List
	taken map[string]owner
}

// owner is what a name means already.
type owner struct {
	what string    // as the protocol calls it; "" if the stubs need the name
	at   diag.Span // of the declaration
}

// newScope makes a scope in which the stubs need some names themselves.
func newScope(diags *diag.List, own ...string) *scope {
	s := &scope{diags: diags, taken: map[string]owner{}}
	for _, name := range own {
		s.taken[name] = owner{}
	}
	return s
}

// declare enters what the protocol calls `what` under the name want, or with the suffix where the stubs need that name. It
// complains if something else of the protocol has the name.
func (s *scope) declare(want, suffix, what string, at diag.Span) string {
	name := want
	for s.reserved(name) {
		name += suffix
	}
	if prev, taken := s.taken[name]; taken {
		d := s.diags.Add(diag.GoName, at, "`%s` and `%s` are both `%s` in Go", what, prev.what, name)
		if prev.at.File != "" {
			d.Note(prev.at, "this is the other")
		}
		d.Because("a Go name is made of the words of a name, without what stands between them").Try("rename one of them")
		return name
	}
	s.taken[name] = owner{what, at}
	return name
}

func (s *scope) reserved(name string) bool {
	o, taken := s.taken[name]
	return taken && o.what == ""
}
