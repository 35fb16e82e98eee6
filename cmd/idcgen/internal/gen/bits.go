package gen

import (
	"fmt"

	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/schema"
)

func (g *generator) bitTypes() {
	for _, b := range g.p.Bits {
		name := g.names.Of(b)
		doc(g.file, or(sentence(name, "says", b.Doc), name+" is a set of bits."))
		g.file.Type().Id(name).Id(intName(b.Size, false))
		g.file.Line()
		g.flags(b, name)
		for _, group := range b.Groups {
			if group.Width > 1 {
				g.group(name, group)
			}
		}
	}
}

// flags makes a constant of each single bit.
func (g *generator) flags(b *schema.Bits, name string) {
	var flags []*schema.BitGroup
	for _, group := range b.Groups {
		if group.Width == 1 {
			flags = append(flags, group)
		}
	}
	if len(flags) == 0 {
		return
	}
	doc(g.file, "The bits of "+name+".")
	g.file.Const().DefsFunc(func(out *jen.Group) {
		for _, group := range flags {
			if group.Doc != "" {
				doc(out, group.Doc)
			}
			out.Id(g.names.Of(group)).Id(name).Op("=").Lit(1).Op("<<").Lit(group.Shift)
		}
	})
	g.file.Line()
}

// groupType is the type of the number in a group of bits.
func groupType(b *schema.BitGroup) *schema.Type {
	return (&schema.Path{Fields: []*schema.Field{{}}, Bits: b}).Type()
}

// group makes accessors of bits that form a number.
func (g *generator) group(name string, group *schema.BitGroup) {
	field, typ := g.names.Of(group), groupType(group)
	doc(g.file, or(sentence(field, "is", group.Doc), fmt.Sprintf("%s is bits %d to %d.", field, group.Shift, group.Shift+group.Width-1)))
	low := group.Mask() >> group.Shift
	g.file.Func().Params(id("v").Id(name)).Id(field).Params().Add(g.goType(typ)).Block(
		jen.Return(g.goType(typ).Call(shifted(id("v"), ">>", group.Shift).Op("&").Add(hex(low)))))
	g.file.Line()
	doc(g.file, "With"+field+" returns v with these bits replaced; what doesn't fit of x is lost.")
	g.file.Func().Params(id("v").Id(name)).Id("With" + field).Params(id("x").Add(g.goType(typ))).Id(name).Block(
		jen.Return(id("v").Op("&^").Add(hex(group.Mask())).Op("|").Add(shifted(id(name).Call(id("x")), "<<", group.Shift)).Op("&").Add(hex(group.Mask()))))
	g.file.Line()
}

func shifted(v code, op string, n int) code {
	if n == 0 {
		return v
	}
	return v.Op(op).Lit(n)
}
