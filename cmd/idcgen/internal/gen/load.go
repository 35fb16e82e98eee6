package gen

import (
	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/schema"
)

// order is the byte order of a scalar.
func order(t *schema.Type) code {
	if t.BigEndian {
		return std("binary", "BigEndian")
	}
	return std("binary", "LittleEndian")
}

// raw is the number there, of the type that rawName says.
func raw(t *schema.Type, s spot) code {
	if t.Size == 1 {
		return s.one()
	}
	return order(t).Dot("Uint" + itoa(8*t.Size)).Call(s.from())
}

// load is the value of a scalar at a place, of the type that its path has.
func (g *generator) load(p place) code {
	v := raw(p.leaf, p.spot)
	if p.bits == nil {
		return g.scalar(p.leaf, v)
	}
	t := groupType(p.bits)
	if t.Kind == schema.Bool {
		return v.Op("&").Add(hex(p.bits.Mask())).Op("!=").Lit(0)
	}
	v = shifted(v, ">>", p.bits.Shift).Op("&").Add(hex(p.bits.Mask() >> p.bits.Shift))
	return g.goType(t).Call(v)
}

// scalar makes a value of a type out of a raw number.
func (g *generator) scalar(t *schema.Type, v code) code {
	if t.Kind == schema.Bool {
		return v.Op("!=").Lit(0)
	}
	if g.goName(t) == rawName(t) {
		return v
	}
	return g.goType(t).Call(v)
}

// get reads the value at a place into v, and clears ok if it is malformed. count is where its elements are counted.
func (g *generator) get(out *jen.Group, p place, count *place, v value) {
	if p.bits != nil {
		out.Add(v()).Op("=").Add(g.load(p))
		g.validate(out, groupType(p.bits), v)
		return
	}
	g.getType(out, p.leaf, p.spot, p.abi, count, v)
}

func (g *generator) getType(out *jen.Group, t *schema.Type, s spot, a schema.ABI, count *place, v value) {
	switch t.Kind {
	case schema.StructOf:
		get := v().Dot(g.method("get")).Call(g.withABI(t.Struct, s.from())...)
		if g.fact(t.Struct).fails {
			out.Id("ok").Op("=").Add(get).Op("&&").Id("ok")
		} else {
			out.Add(get)
		}
	case schema.UnionOf:
		out.Copy(v().Index(jen.Op(":")), s.span(t.Union.Size[a]))
	case schema.Buffer:
		out.Copy(v().Index(jen.Op(":")), s.from())
	case schema.Bytes, schema.String:
		g.getBytes(out, t, s, count, v)
	case schema.ArrayOf:
		g.getArray(out, t, s, a, count, v)
	default:
		out.Add(v()).Op("=").Add(g.scalar(t, raw(t, s)))
		g.validate(out, t, v)
	}
}

// method is the name of a method of a struct: exported where there are no stubs to call it.
func (g *generator) method(name string) string {
	if g.names.Stubs() {
		return name
	}
	return map[string]string{"put": "Put", "get": "Get"}[name]
}

// withABI are the arguments of a struct's put and get.
func (g *generator) withABI(s *schema.Struct, b code) []jen.Code {
	if g.fact(s).varies {
		return []jen.Code{b, id("abi")}
	}
	return []jen.Code{b}
}

// within emits an if: n is the count, which is at most most; otherwise the value is malformed.
func (g *generator) within(out *jen.Group, count *place, most int, then func(out *jen.Group)) {
	out.If(id("n").Op(":=").Add(g.load(*count)), id("n").Op("<=").Add(num(most))).BlockFunc(then).Else().Block(id("ok").Op("=").False())
}

func (g *generator) getBytes(out *jen.Group, t *schema.Type, s spot, count *place, v value) {
	end := func() code { return s.code().Op("+").Int().Call(id("n")) }
	switch {
	case count != nil && t.Kind == schema.String:
		g.within(out, count, t.Max, func(out *jen.Group) {
			out.Add(v()).Op("=").String().Call(id("b").Index(s.code(), end()))
		})
	case count != nil:
		g.within(out, count, t.Max, func(out *jen.Group) {
			out.Add(v()).Op("=").Id("b").Index(s.code(), end(), end())
		})
	case t.Kind == schema.String: // zeros at its end only fill it
		out.Add(v()).Op("=").String().Call(std("bytes", "TrimRight").Call(s.span(t.Max), jen.Lit("\x00")))
	default:
		out.Copy(v().Index(jen.Op(":")), s.from())
	}
}

func (g *generator) getArray(out *jen.Group, t *schema.Type, s spot, a schema.ABI, count *place, v value) {
	if count == nil {
		g.getElements(out, t, s, a, v)
		return
	}
	g.within(out, count, t.Max, func(out *jen.Group) {
		out.Add(v()).Op("=").Make(g.goType(t), id("n"))
		g.getElements(out, t, s, a, v)
	})
}

func (g *generator) getElements(out *jen.Group, t *schema.Type, s spot, a schema.ABI, v value) {
	if g.goName(t.Elem) == "uint8" {
		all := v()
		if !counted(t) {
			all = all.Index(jen.Op(":"))
		}
		out.Copy(all, s.from())
		return
	}
	out.For(id("i").Op(":=").Range().Add(v())).BlockFunc(func(out *jen.Group) {
		each := spot{s.off, sizeOf(t.Elem, a)}
		g.getType(out, t.Elem, each, a, nil, func() code { return v().Index(id("i")) })
	})
}

// validate clears ok if a scalar has a value that its type doesn't know.
func (g *generator) validate(out *jen.Group, t *schema.Type, v value) {
	switch {
	case !g.failing(t):
	case t.Kind == schema.EnumOf && len(t.Enum.Values) == 0:
		out.Id("ok").Op("=").False()
	case t.Kind == schema.EnumOf:
		values := make([]jen.Code, len(t.Enum.Values))
		for i, e := range t.Enum.Values {
			values[i] = g.enumValue(t.Enum, e)
		}
		out.Switch(v()).Block(jen.Case(values...), jen.Default().Block(id("ok").Op("=").False()))
	case t.Kind == schema.BitsOf:
		out.Id("ok").Op("=").Id("ok").Op("&&").Add(v()).Op("&^").Add(hex(t.Bits.Mask())).Op("==").Lit(0)
	}
}
