package gen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xenidc/idc/idl/schema"
)

// encode makes the function that fills the slot of a transaction, in the first form
// that holds its segments. It runs again when a transaction is replayed.
func (g *generator) encode(t *schema.Transaction) {
	g.out.line("func (f *Front) encode%s(t *idc.Txn) {", callName(t))
	if len(scalars(t)) > 0 {
		g.out.line("s := &f.slots[t.Index()]")
	}
	if g.needsABI(t) {
		g.out.line("abi := t.ABI()")
	}
	if bulkOf(t) != nil {
		g.out.line("segs := t.Segments()")
	}
	for i, f := range t.Forms {
		if i < len(t.Forms)-1 {
			g.out.line("if len(segs) <= %d {", formSegments(f))
		}
		g.encodeForm(t, f)
		if i < len(t.Forms)-1 {
			g.out.line("return")
			g.out.line("}")
		}
	}
	g.out.line("}")
	g.out.line("")
}

func (g *generator) needsABI(t *schema.Transaction) bool {
	return slices.ContainsFunc(t.Forms, func(f *schema.Form) bool { return g.formNeedsABI(f) })
}

func (g *generator) formNeedsABI(f *schema.Form) bool {
	return g.varies(f.Request) || !g.same(f.Request.Size) || g.arraysMove(f)
}

// arraysMove reports whether the ABIs have the form's segments in different places.
func (g *generator) arraysMove(f *schema.Form) bool {
	for i := range f.Segments {
		if !g.same(f.Segments[i].Array.Leaf().Offset) {
			return true
		}
	}
	return false
}

func (g *generator) encodeForm(t *schema.Transaction, f *schema.Form) {
	s := f.Request
	g.out.line("m := %s{%s}", g.structName(s), strings.Join(g.requestValues(t, f), ", "))
	if len(f.Segments) == 0 {
		g.out.line("m.put(t.Request(%s)%s)", g.sizeExpr(s), g.passABI(s))
		return
	}
	g.out.line("b := t.Request(%s)", g.sizeExpr(s))
	g.out.line("m.put(b%s)", g.passABI(s))
	for i := range f.Segments {
		bind := &f.Segments[i]
		if bind.Pages > 0 {
			g.out.line("putSegmentPages(t, %s, segs)", g.arrayExpr(s, bind, "b"))
		} else {
			g.out.line("putSegments(%s, segs)", g.arrayExpr(s, bind, "b"))
		}
	}
}

// requestValues are the fields of the request's image, as in a composite literal.
func (g *generator) requestValues(t *schema.Transaction, f *schema.Form) (values []string) {
	set := map[*schema.Field]string{}
	for _, b := range slices.Concat(f.Match, f.Set) {
		set[b.Path.Leaf()] = g.requestValue(t, b)
	}
	for i := range f.Segments {
		count := f.Segments[i].Count.Leaf()
		set[count] = g.goType(count.Type) + "(len(segs))"
	}
	for _, field := range g.image(f.Request) {
		if v := set[field]; v != "" && v != "0" {
			values = append(values, g.field(f.Request, field)+": "+v)
		}
	}
	return values
}

func (g *generator) requestValue(t *schema.Transaction, b schema.Bind) string {
	typ := b.Path.Leaf().Type
	switch b.Source.Kind {
	case schema.FromConst:
		return g.constant(typ, b.Source)
	case schema.FromParam:
		return unsigned(g.goType(b.Source.Param.Type), g.goType(typ), "s."+g.argField(t, b.Source.Param))
	case schema.FromID:
		return unsigned("uint64", g.goType(typ), "t.ID()")
	case schema.FromDevice:
		return g.goType(typ) + "(t.Device())"
	case schema.FromLength:
		if typ.Unit != nil && typ.Unit.Bytes > 1 {
			return fmt.Sprintf("%s(t.Len() / %d)", g.goType(typ), typ.Unit.Bytes)
		}
		return g.goType(typ) + "(t.Len())"
	}
	return ""
}

// constant is the value of a constant source, by its name if it has one.
func (g *generator) constant(t *schema.Type, s schema.Source) string {
	switch {
	case t.Kind == schema.EnumOf && s.Value != nil:
		return g.enumValue(t.Enum, s.Value)
	case t.Kind == schema.Bool:
		return fmt.Sprint(s.Const.Sign() != 0)
	}
	return fmt.Sprint(s.Const)
}

// checkEcho refuses an answer that repeats something else than what was asked.
func (g *generator) checkEcho(t *schema.Transaction) {
	for _, b := range t.Forms[0].Reply {
		v := g.echoed(t.Forms[0], b)
		if v == "" {
			continue
		}
		alike := true
		for _, f := range t.Forms[1:] {
			i := slices.IndexFunc(f.Reply, func(o schema.Bind) bool { return o.Path.Equal(b.Path) })
			alike = alike && i >= 0 && g.echoed(f, f.Reply[i]) == v
		}
		if !alike {
			continue
		}
		field := b.Path.Leaf()
		g.out.line("if m.%s != %s {", g.field(t.Forms[0].Response, field), v)
		g.out.line("return %s", g.fails(t, fmt.Sprintf("&idc.ProtocolError{Field: %q, Value: uint64(m.%s)}",
			field.Name+" of a response", g.field(t.Forms[0].Response, field))))
		g.out.line("}")
	}
}

// echoed is the constant that a field of the response has in a form, or nothing.
func (g *generator) echoed(f *schema.Form, b schema.Bind) string {
	switch b.Source.Kind {
	case schema.FromConst:
		return g.constant(b.Path.Leaf().Type, b.Source)
	case schema.FromRequest:
		for _, m := range f.Match {
			if m.Path.Equal(b.Source.Path) {
				return g.constant(m.Path.Leaf().Type, m.Source)
			}
		}
	}
	return ""
}
