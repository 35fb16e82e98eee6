package lint

import (
	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
)

// uses collects what the protocol's fields, arguments and keys refer to.
type uses map[any]bool

// unused finds types that nothing refers to. Constants are exempt: drivers use them.
func (l *linter) unused() {
	used := uses{}
	p := l.p
	for _, s := range p.Structs {
		used.fields(s.Fields)
	}
	for _, u := range p.Unions {
		used.fields(u.Members)
	}
	for _, r := range p.Rings {
		for _, s := range append(append([]*schema.Slot{}, r.Requests...), r.Responses...) {
			used[s.Struct] = true
		}
	}
	for _, t := range p.Transactions {
		used.params(t.Params)
		used.params(t.Results)
	}
	for _, m := range p.Messages {
		used.params(m.Params)
	}
	for _, k := range p.Keys {
		used.typ(k.Type)
	}
	for _, c := range p.Consts {
		used[c.Unit] = true
	}
	l.report(used)
}

func (u uses) fields(list []*schema.Field) {
	for _, f := range list {
		u.typ(f.Type)
	}
}

func (u uses) params(list []*schema.Param) {
	for _, p := range list {
		if p.Bulk != nil && p.Bulk.Elem != nil {
			u[p.Bulk.Elem] = true
		}
		u.typ(p.Type)
	}
}

func (u uses) typ(t *schema.Type) {
	if t == nil {
		return
	}
	u[t.Enum], u[t.Bits], u[t.Struct], u[t.Union], u[t.Unit] = true, true, true, true, true
	if t.Bits != nil {
		for _, g := range t.Bits.Groups {
			u[g.Enum] = true
		}
	}
	if t.Pages != nil {
		u[t.Pages.Elem] = true
	}
	u.typ(t.Elem)
}

func (l *linter) report(used uses) {
	p := l.p
	for _, x := range p.Units {
		l.ifUnused(used[x], "unit", x.Name, x.Pos)
	}
	for _, x := range p.Enums {
		l.ifUnused(used[x] || x == p.Status || p.Chosen && x.Name == "operation", "enum", x.Name, x.Pos)
	}
	for _, x := range p.Bits {
		l.ifUnused(used[x], "bits", x.Name, x.Pos)
	}
	for _, x := range p.Structs {
		l.ifUnused(used[x] || x.Made, "struct", x.Name, x.Pos)
	}
	for _, x := range p.Unions {
		l.ifUnused(used[x], "union", x.Name, x.Pos)
	}
}

func (l *linter) ifUnused(used bool, kind, name string, at diag.Span) {
	if !used {
		l.diags.Add(diag.Unused, at, "%s `%s` is never used", kind, name).
			Because("no field, argument, key or ring refers to it").Try("remove it")
	}
}
