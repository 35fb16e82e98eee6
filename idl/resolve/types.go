package resolve

import (
	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// fieldType resolves a type as far as it doesn't depend on the other fields. It returns nil if it can't be used. A Count
// without fields stands for one that is to come.
func (r *resolver) fieldType(d *syntax.Type, at diag.Span) *schema.Type {
	base := r.baseType(d, at)
	if base == nil {
		return nil
	}
	if d.Unit != nil {
		r.typeUnit(base, d)
	}
	if d.Tag != nil && base.Kind != schema.UnionOf {
		r.diags.Add(diag.UnionTag, d.Tag.Span(), "`%s` is no union", d.Name.Text).
			Because("only a union has a tag").Try("remove `by`")
	}
	if base.Kind == schema.Bytes || base.Kind == schema.String {
		return r.sized(base, d)
	}
	if d.Array == nil && d.Bound == nil {
		if d.Pages != nil {
			r.pages(base, d)
		}
		return base
	}
	if base.Kind == schema.UnionOf && base.Union.Tagged {
		r.diags.Add(diag.UnionTag, d.Span(), "an array can't be of a tagged union").
			Because("its elements have no tags of their own").Try("put tag and union into a struct")
		return nil
	}
	t := r.sized(&schema.Type{Kind: schema.ArrayOf, Elem: base}, d)
	if t != nil && d.Pages != nil {
		r.pages(t, d)
	}
	return t
}

// baseType is the type that the name alone means.
func (r *resolver) baseType(d *syntax.Type, at diag.Span) *schema.Type {
	if t, ok := builtins[d.Name.Text]; ok {
		return &t
	}
	s := r.find(d.Name, "type", func(s *symbol) bool { return s.constant == nil && s.unit == nil })
	switch {
	case s == nil:
		return nil
	case s.enum != nil:
		return &schema.Type{Kind: schema.EnumOf, Enum: s.enum, Size: s.enum.Size, Signed: s.enum.Signed}
	case s.bits != nil:
		return &schema.Type{Kind: schema.BitsOf, Bits: s.bits, Size: s.bits.Size}
	case s.strct != nil:
		if !r.strct(s.strct, d.Name.Span()) {
			return nil
		}
		return &schema.Type{Kind: schema.StructOf, Struct: s.strct}
	}
	if !r.union(s.union, d.Name.Span()) {
		return nil
	}
	return &schema.Type{Kind: schema.UnionOf, Union: s.union}
}

func (r *resolver) typeUnit(t *schema.Type, d *syntax.Type) {
	if t.Kind != schema.Int {
		r.diags.Add(diag.UnitMismatch, d.Unit.Span(), "`%s` has no unit", d.Name.Text).
			Because("only a number measures something").Try("remove `in %s`", d.Unit.Text)
		return
	}
	t.Unit = r.unit(d.Unit)
}

// sized gives an array, bytes or string its capacity.
func (r *resolver) sized(t *schema.Type, d *syntax.Type) *schema.Type {
	counted := d.Array != nil && d.Array.Number == nil || d.Array == nil || d.Bound != nil
	if !counted && r.uncounted(d) {
		return nil
	}
	if !counted {
		t.Max = int(r.within(d.Array.Number.Span(), "a length", r.number(d.Array.Number, nil), 1, maxStruct))
		return t
	}
	if d.Bound == nil {
		r.diags.Add(diag.MissingBound, d.Span(), "nothing says how long this may become").
			Because("memory is reserved before anything is sent, and a peer mustn't choose how much").
			Try("write `%s up to 64`, or the greatest length that it needs", typeText(d))
		return nil
	}
	t.Max = int(r.within(d.Bound.Span(), "a length", r.number(d.Bound, nil), 1, maxStruct))
	t.Count = &schema.Path{}
	if d.Array != nil && d.Array.Number != nil && d.Array.Number.Name == nil {
		r.diags.Add(diag.BadCount, d.Array.Number.Span(), "a number counts nothing").
			Because("an array with a bound is as long as a field says").Try("name that field, or remove `up to`")
		t.Count = nil
	}
	return t
}

// uncounted complains about a length that is no constant: a field that counts needs a bound, too.
func (r *resolver) uncounted(d *syntax.Type) bool {
	p := d.Array.Path()
	if p == nil || len(p.Parts) == 1 && (r.symbols[p.String()] != nil || r.excused(p.String(), "constant")) {
		return false
	}
	r.diags.Add(diag.MissingBound, p.Span(), "nothing says how long this may become").
		Because("`%s` is no constant, and an array that a field counts has a bound", p).
		Try("write `%s up to 64`, or the greatest length that it needs", typeText(d))
	return true
}

// typeText is a type as it is written, less what follows its brackets.
func typeText(d *syntax.Type) string {
	if d.Array == nil {
		return d.Name.Text
	}
	if p := d.Array.Path(); p != nil {
		return d.Name.Text + "[" + p.String() + "]"
	}
	return d.Name.Text + "[]"
}

// pages resolves what the pages behind grant references hold.
func (r *resolver) pages(t *schema.Type, d *syntax.Type) {
	if t.Kind != schema.ArrayOf || t.Elem.Kind != schema.Gref || t.Count != nil {
		r.diags.Add(diag.WrongKind, d.Pages.Elem.Span(), "`%s` doesn't lead to pages", d.Name.Text).
			Because("pages are reached by an array of grant references of fixed length").Try("write `gref[8] to pages of ...`")
		return
	}
	s := r.find(d.Pages.Elem, "segment", func(s *symbol) bool { return s.strct != nil })
	if s == nil || !r.strct(s.strct, d.Pages.Elem.Span()) {
		return
	}
	if s.strct.Segment == nil {
		r.notSegment(d.Pages.Elem, s.strct)
		return
	}
	size := s.strct.Size
	t.Pages = &schema.Pages{Elem: s.strct, PerPage: schema.PageSize / max(size[0], size[1], size[2], 1)}
	most := t.Max * t.Pages.PerPage
	if d.Pages.Bound != nil {
		most = int(r.within(d.Pages.Bound.Span(), "the number of elements", r.number(d.Pages.Bound, nil), 1, int64(most)))
	}
	r.inPages[t.Pages] = most
}

func (r *resolver) notSegment(n *syntax.Name, s *schema.Struct) {
	r.diags.Add(diag.WrongKind, n.Span(), "`%s` is a struct, not a segment", s.Name).Note(s.Pos, "declared here").
		Because("the data is found by segments").Try("declare it as `segment %s`", s.Name)
}
