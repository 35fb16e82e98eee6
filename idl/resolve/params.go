package resolve

import (
	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// carried checks that some form has room for as much of a bulk as the signature promises.
func (r *resolver) carried(t *schema.Transaction) {
	for _, p := range t.Params {
		if p.Bulk == nil || p.Bulk.Max == 0 || t.Split != nil && t.Split.Bulk == p {
			continue
		}
		most := int64(0)
		for _, f := range t.Forms {
			most = max(most, int64(f.MaxSegments(p))*schema.PageSize)
		}
		if most > 0 && p.Bulk.Max > most {
			r.diags.Add(diag.OutOfRange, p.Pos, "`%s` can't be as long as %d bytes", p.Name, p.Bulk.Max).
				Because("no form of `%s` has segments for more than %d", t.Name, most).
				Try("write `up to %d bytes`, or add a `split`", most)
		}
	}
}

// params resolves a list of arguments or results. Types that come from a form's field are still nil afterwards.
func (r *resolver) params(list []*syntax.Param, noBulk bool) (out []*schema.Param) {
	for _, d := range list {
		n := d.Path.Last()
		p := &schema.Param{Name: n.Text, Doc: syntax.DocText(d.Doc), Pos: n.Span(), Since: r.since(d.Since, false, "")}
		for _, prev := range out {
			if prev.Name == n.Text {
				r.duplicate(n, prev.Pos)
				p.Name = "" // of no further interest
			}
		}
		switch {
		case d.Bulk != nil:
			p.Bulk = r.bulk(d.Bulk)
			if noBulk {
				r.diags.Add(diag.Direction, p.Pos, "`%s` can't be a bulk", p.Name).
					Because("a bulk lasts as long as a transaction, so it is one of its arguments, whichever way the data go").
					Try("make it an argument of a transaction, `from back` if the back fills it")
				p.Bulk, p.Type = nil, &schema.Type{Size: 1}
			}
		case d.Type != nil:
			p.Type = r.paramType(d, p.Pos)
		}
		out = append(out, p)
	}
	return out
}

func (r *resolver) paramType(d *syntax.Param, at diag.Span) *schema.Type {
	if len(d.Path.Parts) > 1 {
		r.diags.Add(diag.WrongKind, d.Path.Span(), "`%s` has its type already", d.Path).
			Because("a path names a field of the form's struct").Try("remove the type")
	}
	if d.Type.Name.Text == "bulk" && r.symbols["bulk"] == nil {
		r.diags.Add(diag.Direction, d.Type.Span(), "nothing says which way the data of `%s` go", d.Path).
			Because("a bulk is read by the back, filled by it, or both").Try("write `bulk from front`, `bulk from back` or `bulk both ways`")
		return &schema.Type{Size: 1}
	}
	t := r.fieldType(d.Type, at)
	if t == nil {
		return &schema.Type{Size: 1}
	}
	if d.Type.Array != nil && d.Type.Array.Path() != nil && t.Count != nil || t.Pages != nil || t.Kind == schema.UnionOf {
		r.diags.Add(diag.WrongKind, d.Type.Span(), "an argument can't refer to other fields").
			Because("it stands alone").Try("leave the count to the compiler, and make a union part of a struct")
		return &schema.Type{Size: 1}
	}
	return t
}

func (r *resolver) bulk(d *syntax.Bulk) *schema.Bulk {
	b := &schema.Bulk{}
	if d.Both {
		b.From = schema.Both
	} else {
		b.From, _ = r.side(d.From, schema.Front, schema.Back)
	}
	if d.Elem != nil {
		if s := r.find(d.Elem, "struct", func(s *symbol) bool { return s.strct != nil }); s != nil {
			b.Elem = s.strct
		}
	}
	if d.Max != nil {
		n := r.number(d.Max, nil)
		r.sameUnit(d.Max.Span(), n.unit, r.symbols["bytes"].unit)
		b.Max = r.within(d.Max.Span(), "a bulk", n, 1, 1<<30)
	}
	return b
}

func (r *resolver) split(t *schema.Transaction, d *syntax.Split) {
	bulk, start := paramNamed(t.Params, d.Bulk.Text), paramNamed(t.Params, d.Start.Text)
	switch {
	case bulk == nil || bulk.Bulk == nil:
		r.badSplit(d.Bulk, "is no bulk argument", "only a bulk can be too long")
	case start == nil || start.Type == nil || start.Type.Unit == nil || start.Type.Unit.Bytes == 0:
		r.badSplit(d.Start, "is no argument with a unit of so many bytes",
			"the next part starts where the last ended, counted in that unit")
	case t.Split != nil:
		r.badSplit(d.Bulk, "is split twice", "one bulk is advanced")
	default:
		t.Split = &schema.Split{Bulk: bulk, Start: start}
	}
}

func (r *resolver) badSplit(n *syntax.Name, what, why string) {
	r.diags.Add(diag.BadSplit, n.Span(), "`%s` %s", n.Text, what).Because("%s", why).
		Try("write `split BULK advancing ARGUMENT`")
}

func paramNamed(list []*schema.Param, name string) *schema.Param {
	for _, p := range list {
		if p.Name == name {
			return p
		}
	}
	return nil
}
