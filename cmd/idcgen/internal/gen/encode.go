package gen

import (
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/schema"
)

// encode makes the function that fills the slot of a transaction, in the first form that the back end offers and that holds
// its segments. It runs again when a transaction is replayed.
func (g *generator) encode(t *schema.Transaction) {
	m := g.calls[t]
	items := make([][]item, len(t.Forms))
	abi, first := false, true
	for i, f := range t.Forms {
		items[i] = g.requestItems(t, f)
		if g.fits(t, f, first) == nil { // no other form is ever sent
			items = items[:i+1]
		}
		first = first && conditional(f)
		abi = abi || g.needsABI(items[i]) || !g.p.Device.Same(f.Request.Size)
		if i == len(items)-1 {
			break
		}
	}
	g.frontFunc("encode" + m.name).Params(id("t").Op("*").Add(idc("Txn"))).BlockFunc(func(out *jen.Group) {
		if len(m.scalars) > 0 || len(m.replies) > 1 {
			out.Id("s").Op(":=").Op("&").Id("f").Dot("slots").Index(id("t").Dot("Index").Call())
		}
		if abi {
			out.Id("abi").Op(":=").Id("t").Dot("ABI").Call()
		}
		if m.bulk != nil {
			out.Id("segs").Op(":=").Id("t").Dot("Segments").Call()
		}
		if slices.ContainsFunc(t.Forms, conditional) {
			out.Id("k").Op(":=").Id("f").Dot("back").Dot("Load").Call().Comment("// known, since there is a connection")
		}
		g.encodeForms(out, t, items)
	})
	g.file.Line()
}

// encodeForms tries one form after the other; one that always fits is the last.
func (g *generator) encodeForms(out *jen.Group, t *schema.Transaction, items [][]item) {
	room := 0 // of the unconditional forms so far
	first := true
	for i, f := range t.Forms {
		cond := g.fits(t, f, first)
		if cond == nil {
			g.encodeForm(out, t, f, items[i])
			return
		}
		out.If(cond).BlockFunc(func(out *jen.Group) {
			g.encodeForm(out, t, f, items[i])
			out.Return()
		})
		if !conditional(f) {
			room, first = max(room, capacity(f)), false
		}
	}
	out.Id("t").Dot("Reject").Call(idc("ErrTooLong")).Comment("// after a reconnect to a back end that takes less at once")
}

// fits is the condition under which a form is used, or nil if it always can be. first: no form before it always is there.
func (g *generator) fits(t *schema.Transaction, f *schema.Form, first bool) code {
	var terms []code
	if f.Enable != nil {
		terms = append(terms, id("k").Dot(g.keyField(f.Enable)))
	}
	if f.Limit != nil && (first || g.calls[t].bulk == nil) {
		terms = append(terms, id("k").Dot(g.keyField(f.Limit)).Op(">").Lit(0))
	}
	if g.calls[t].bulk != nil && (f.Limit != nil || capacity(f) < most(t)) {
		terms = append(terms, jen.Len(id("segs")).Op("<=").Add(g.limited(f)))
	}
	if len(terms) == 0 {
		return nil
	}
	cond := terms[0]
	for _, c := range terms[1:] {
		cond = cond.Op("&&").Add(c)
	}
	return cond
}

func (g *generator) encodeForm(out *jen.Group, t *schema.Transaction, f *schema.Form, items []item) {
	m := g.calls[t]
	if len(m.replies) > 1 {
		out.Id("s").Dot("form").Op("=").Add(num(m.forms[f]))
	}
	out.Id("b").Op(":=").Id("t").Dot("Request").Call(g.sizeExpr(f.Request))
	g.bound(out, f.Request, len(items))
	g.write(out, items)
}

// requestItems are what a form puts into a request.
func (g *generator) requestItems(t *schema.Transaction, f *schema.Form) (items []item) {
	m := g.calls[t]
	for _, b := range slices.Concat(f.Match, f.Set) {
		it := item{path: b.Path}
		switch src := b.Source; src.Kind {
		case schema.FromConst:
			it.constant = &src
		case schema.FromParam:
			it.value, it.typ = field("s", m.kept[src.Param]), src.Param.Type
		case schema.FromID:
			it.value, it.typ = func() code { return id("t").Dot("ID").Call() }, &schema.Type{Size: 8}
		case schema.FromDevice:
			it.value = func() code { return id("t").Dot("Device").Call() }
		case schema.FromLength:
			it.value = func() code { return scaled(id("t").Dot("Len").Call(), unitBytes(b.Path.Type().Unit), "/") }
		default:
			continue
		}
		items = append(items, it)
	}
	for _, s := range f.Segments {
		verb := "putSegments"
		args := []jen.Code{}
		if s.Pages > 0 {
			verb, args = "putSegmentPages", append(args, id("t"))
		}
		name := g.segmentFunc(verb, s.Elem)
		items = append(items,
			item{path: s.Count, value: func() code { return jen.Len(id("segs")) }},
			item{path: s.Array, array: func(out *jen.Group, b code) { out.Id(name).Call(append(slices.Clone(args), b, id("segs"))...) }})
	}
	return items
}
