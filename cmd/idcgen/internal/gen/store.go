package gen

import (
	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/schema"
)

// putRaw writes a number of the type that rawName says.
func putRaw(out *jen.Group, t *schema.Type, s spot, v code) {
	if t.Size == 1 {
		out.Add(s.one()).Op("=").Add(v)
		return
	}
	out.Add(order(t)).Dot("PutUint"+itoa(8*t.Size)).Call(s.from(), v)
}

// number is a scalar value as the raw number of the field that it goes to.
func (g *generator) number(from, to *schema.Type, v code) code {
	if from.Kind == schema.Bool {
		g.bit = true
		return convert("uint8", rawName(to), call("bit", v))
	}
	return convert(g.goName(from), rawName(to), v)
}

// put writes the value v of any type. What it counts is written by who knows where.
func (g *generator) put(out *jen.Group, t *schema.Type, s spot, a schema.ABI, v value) {
	switch t.Kind {
	case schema.StructOf:
		out.Add(v()).Dot(g.method("put")).Call(g.withABI(t.Struct, s.from())...)
	case schema.UnionOf:
		out.Copy(s.span(t.Union.Size[a]), v().Index(jen.Op(":")))
	case schema.Buffer:
		out.Copy(s.from(), v().Index(jen.Op(":")))
	case schema.Bytes, schema.String:
		if t.Kind == schema.String || t.Count != nil {
			out.Copy(s.span(t.Max), v())
		} else {
			out.Copy(s.from(), v().Index(jen.Op(":")))
		}
	case schema.ArrayOf:
		g.putArray(out, t, s, a, v)
	case schema.Bool:
		out.If(v()).Block(s.one().Op("=").Lit(1))
	default:
		putRaw(out, t, s, g.number(t, t, v()))
	}
}

func (g *generator) putArray(out *jen.Group, t *schema.Type, s spot, a schema.ABI, v value) {
	if g.goName(t.Elem) == "uint8" {
		if counted(t) {
			out.Copy(s.span(t.Max), v())
		} else {
			out.Copy(s.from(), v().Index(jen.Op(":")))
		}
		return
	}
	all := v()
	if counted(t) {
		all = v().Index(jen.Op(":").Add(length(v, t.Max)))
	}
	out.For(id("i").Op(":=").Range().Add(all)).BlockFunc(func(out *jen.Group) {
		each := spot{s.off, sizeOf(t.Elem, a)}
		g.put(out, t.Elem, each, a, func() code { return v().Index(id("i")) })
	})
}

// length is how many elements of v there is room for.
func length(v value, most int) code { return jen.Min(jen.Len(v()), num(most)) }

// tooLong emits a check: fail is run if a value is longer than its field.
func (g *generator) tooLong(out *jen.Group, t *schema.Type, v value, fail ...jen.Code) {
	switch {
	case !g.bounded(t):
	case t.Kind == schema.StructOf:
		out.If(jen.Op("!").Add(v()).Dot("fits").Call()).Block(fail...)
	case counted(t) || t.Kind == schema.String:
		out.If(jen.Len(v()).Op(">").Add(num(t.Max))).Block(fail...)
		if t.Kind == schema.ArrayOf && g.bounded(t.Elem) {
			g.elementsTooLong(out, t, v, fail)
		}
	default:
		g.elementsTooLong(out, t, v, fail)
	}
}

func (g *generator) elementsTooLong(out *jen.Group, t *schema.Type, v value, fail []jen.Code) {
	out.For(id("i").Op(":=").Range().Add(v())).BlockFunc(func(out *jen.Group) {
		g.tooLong(out, t.Elem, func() code { return v().Index(id("i")) }, fail...)
	})
}
