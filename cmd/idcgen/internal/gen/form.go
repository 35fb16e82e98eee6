package gen

import (
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/schema"
)

// mostSegments is what a request of a protocol whose back end says how many it takes carries at most here; Linux's back end
// says 256, too (drivers/block/xen-blkback/common.h, MAX_INDIRECT_SEGMENTS).
const mostSegments = 256

// capacity is how many segments a form carries here.
func capacity(f *schema.Form) (n int) {
	for _, s := range f.Segments {
		n = max(n, s.Max)
	}
	if f.Limit != nil {
		n = min(n, mostSegments)
	}
	return n
}

// conditional reports whether the back end has to offer a form.
func conditional(f *schema.Form) bool { return f.Enable != nil || f.Limit != nil }

// most is how many segments the bulk of t may have, in any form.
func most(t *schema.Transaction) (n int) {
	for _, f := range t.Forms {
		n = max(n, capacity(f))
	}
	return n
}

// always is how many segments the bulk of t may have whatever the back end offers.
func always(t *schema.Transaction) (n int) {
	for _, f := range t.Forms {
		if !conditional(f) {
			n = max(n, capacity(f))
		}
	}
	return n
}

// maxSegments is the most segments of a request, over all forms.
func (g *generator) maxSegments() (n int) {
	for _, t := range g.p.Transactions {
		n = max(n, most(t))
	}
	return n
}

// direct is how many segments a request may have so that it surely needs no page of segments.
func (g *generator) direct() int {
	n, all := -1, 0
	for _, t := range g.p.Transactions {
		all = max(all, always(t))
		slot := 0
		for _, f := range t.Forms {
			if slices.ContainsFunc(f.Segments, func(s schema.SegmentBind) bool { return s.Pages > 0 }) {
				if n < 0 || slot < n {
					n = slot
				}
				break
			}
			if !conditional(f) {
				slot = max(slot, capacity(f))
			}
		}
	}
	if n < 0 {
		return all
	}
	return n
}

// offered is the condition under which the back end, whose keys are in k, takes a form at all.
func (g *generator) offered(f *schema.Form) code {
	cond := jen.Null()
	if f.Enable != nil {
		cond.Id("k").Dot(g.keyField(f.Enable))
	}
	if f.Enable != nil && f.Limit != nil {
		cond.Op("&&")
	}
	if f.Limit != nil {
		cond.Id("k").Dot(g.keyField(f.Limit)).Op(">").Lit(0)
	}
	return cond
}

// limited is how many segments a form carries to the back end whose keys are in k.
func (g *generator) limited(f *schema.Form) code {
	if f.Limit == nil {
		return num(capacity(f))
	}
	return jen.Int().Call(jen.Min(id("k").Dot(g.keyField(f.Limit)), g.capped(f)))
}

// capped is a form's capacity as a number of its limit's type.
func (g *generator) capped(f *schema.Form) code {
	_, top := schema.Range(f.Limit.Type.Size, f.Limit.Type.Signed)
	if top.Cmp(schema.Num(int64(capacity(f)))) < 0 {
		return lit(top)
	}
	return num(capacity(f))
}

// onlyOffered reports whether t can't be used unless the back end offers something: that it is known, or one of its forms.
func onlyOffered(t *schema.Transaction) bool {
	return t.Feature != nil || !slices.ContainsFunc(t.Forms, func(f *schema.Form) bool { return !conditional(f) })
}

// missing is the condition under which t isn't offered, with the back end's keys in k.
func (g *generator) missing(t *schema.Transaction) code {
	forms := jen.Null()
	every := !slices.ContainsFunc(t.Forms, func(f *schema.Form) bool { return !conditional(f) })
	for i, f := range t.Forms {
		if i > 0 {
			forms.Op("||")
		}
		if every {
			forms.Add(g.offered(f))
		}
	}
	switch {
	case !every:
		return jen.Op("!").Id("k").Dot(g.keyField(t.Feature))
	case t.Feature == nil:
		return jen.Op("!").Parens(forms)
	}
	return jen.Op("!").Id("k").Dot(g.keyField(t.Feature)).Op("||").Op("!").Parens(forms)
}

// negotiate emits what computes how many segments the back end takes, at most, in any request.
func (g *generator) negotiateSegments(out *jen.Group) {
	least := 0
	for _, t := range g.p.Transactions {
		least = max(least, always(t))
	}
	out.Id("n").Op(":=").Add(num(max(least, 1)))
	seen := map[[2]*schema.Key]int{}
	for _, t := range g.p.Transactions {
		for _, f := range t.Forms {
			key := [2]*schema.Key{f.Enable, f.Limit}
			if !conditional(f) || capacity(f) == 0 || seen[key] >= capacity(f) {
				continue
			}
			seen[key] = capacity(f)
			g.growRoom(out, f, "n")
		}
	}
	out.Return(id("n"), jen.Nil())
}

// growRoom emits: room is at least what a form carries, if it is offered.
func (g *generator) growRoom(out *jen.Group, f *schema.Form, room string) {
	grow := id(room).Op("=").Max(id(room), g.limited(f))
	if f.Enable != nil {
		out.If(id("k").Dot(g.keyField(f.Enable))).Block(grow)
		return
	}
	out.Add(grow)
}
