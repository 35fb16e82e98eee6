package resolve

import (
	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// union resolves u on behalf of the declaration at `at`, and reports whether it can be used.
func (r *resolver) union(u *schema.Union, at diag.Span) bool {
	switch r.unions[u] {
	case done:
		return true
	case begun:
		r.containsItself(u.Name, u.Pos, at)
		return false
	}
	r.unions[u] = begun
	seen := map[string]*schema.Field{}
	for _, item := range r.symbols[u.Name].decl.Union.Members {
		r.member(u, seen, item)
	}
	r.nest(u, u.Name, u.Pos, u.Members)
	for _, a := range schema.ABIs {
		for _, f := range u.Members {
			f.Size[a] = r.size(f.Type, a)
			u.Size[a] = max(u.Size[a], f.Size[a])
			u.Align[a] = max(u.Align[a], r.align(f.Type, a))
		}
		u.Size[a] = roundUp(u.Size[a], max(u.Align[a], 1))
	}
	r.unions[u] = done
	return true
}

func (r *resolver) member(u *schema.Union, seen map[string]*schema.Field, item *syntax.Field) {
	if item.Covers != nil || item.At != nil || len(item.On) > 0 || item.Source != nil {
		r.diags.Add(diag.UnionTag, syntax.At(item.Pos, 1), "a member of a union has only a name, a type and `when`").
			Because("all members start at the union's first byte, on every ABI").Try("put the rest into a struct")
		return
	}
	f := r.field(item, false, u.Name)
	if f.Type == nil {
		return
	}
	if f.Type.Count != nil {
		r.diags.Add(diag.UnionTag, f.Pos, "`%s` has no fixed length", f.Name).
			Because("its count would have to lie beside it, where the other members are").Try("put it into a struct")
		return
	}
	if prev := seen[f.Name]; prev != nil {
		r.duplicate(item.Name, prev.Pos)
		return
	}
	seen[f.Name] = f
	if len(u.Members) > 0 && u.Tagged != (len(item.When) > 0) {
		r.diags.Add(diag.UnionTag, f.Pos, "some members of `%s` have `when` and some don't", u.Name).
			Note(u.Members[0].Pos, "the first is here").Because("either the tag chooses the member, or the transaction does").
			Try("add `when` and a value to all, or remove it from all")
		return
	}
	u.Tagged = len(item.When) > 0
	u.Members = append(u.Members, f)
}

// tag resolves the field that chooses the member of a union, and what `when` says about its values.
func (r *resolver) tag(s *schema.Struct, f *schema.Field, p *syntax.Path) {
	if f.Type.Kind != schema.UnionOf {
		return // said already
	}
	path := r.path(s, p)
	if path == nil {
		return
	}
	t := path.Type()
	if !t.Scalar() {
		r.diags.Add(diag.UnionTag, p.Span(), "`%s` can't be a tag", p).Note(path.Leaf().Pos, "declared here").
			Because("a tag is a number").Try("name an enum's field")
		return
	}
	u := f.Type.Union
	if !u.Tagged {
		r.diags.Add(diag.UnionTag, p.Span(), "the members of `%s` have no `when`", u.Name).Note(u.Pos, "declared here").
			Because("nothing says which value of `%s` means which member", p).Try("add `when` and a value to each")
		return
	}
	f.Type.Tag = path
	r.whens(u, t.Enum)
}

// whens computes the values that choose each member, once per union.
func (r *resolver) whens(u *schema.Union, e *schema.Enum) {
	seen := map[schema.Number]*schema.Field{}
	for _, m := range u.Members {
		m.When = nil
		for _, v := range r.origin[m].When {
			n := r.number(v, e)
			if n.bad {
				continue
			}
			if prev := seen[n.Number]; prev != nil {
				r.diags.Add(diag.DuplicateValue, v.Span(), "%d chooses `%s` already", n, prev.Name).
					Note(prev.Pos, "declared here").Because("a tag chooses one member").Try("remove it from one of them")
			}
			seen[n.Number] = m
			m.When = append(m.When, n.Number)
		}
	}
}
