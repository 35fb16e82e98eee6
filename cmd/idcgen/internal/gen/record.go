package gen

import (
	"fmt"

	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/schema"
)

// A struct of the protocol is a Go struct, less what isn't a value of its own: padding, and counts that are the length of
// another field. Its put fills zeroed bytes and its get reads them.

func (g *generator) records() {
	for _, s := range g.p.Structs {
		if g.names.HasStruct(s) {
			g.record(s)
		}
	}
}

func (g *generator) record(s *schema.Struct) {
	name, f := g.names.Of(s), g.fact(s)
	doc(g.file, or(sentence(name, "is", s.Doc), name+" is a struct of the protocol."))
	g.file.Type().Id(name).StructFunc(func(out *jen.Group) {
		for _, field := range f.image {
			if field.Doc != "" {
				doc(out, field.Doc)
			}
			out.Id(g.names.Of(field)).Add(g.goType(field.Type))
		}
	})
	g.file.Line()
	if !g.names.Stubs() {
		g.recordSize(s, name)
	}
	g.recordPut(s, name)
	g.recordGet(s, name)
	if g.names.Stubs() && f.bounded {
		g.recordFits(s, name)
	}
}

func (g *generator) recordSize(s *schema.Struct, name string) {
	doc(g.file, name+"Size is in bytes.")
	if g.p.Device.Same(s.Size) {
		g.file.Const().Id(name + "Size").Op("=").Add(num(s.Size[g.abis[0]]))
	} else {
		g.sizeTable(name+"Size", s)
	}
	g.file.Line()
}

// sizeTable declares the sizes of a struct on each ABI.
func (g *generator) sizeTable(name string, s *schema.Struct) {
	g.file.Var().Id(name).Op("=").Index(jen.Op("...")).Int().ValuesFunc(func(out *jen.Group) {
		for _, a := range g.abis {
			out.Id(g.abiConst(a)).Op(":").Add(num(s.Size[a]))
		}
	})
}

// abiParam are the parameters of a struct's put and get.
func (g *generator) abiParams(s *schema.Struct) []jen.Code {
	params := []jen.Code{id("b").Index().Byte()}
	if g.fact(s).varies {
		abi := id("abi").Int()
		if !g.names.Stubs() {
			abi = id("abi").Id("ABI")
		}
		params = append(params, abi)
	}
	return params
}

func (g *generator) recordPut(s *schema.Struct, name string) {
	doc(g.file, g.method("put")+" encodes m into b, which is zeroed and large enough.")
	if g.fact(s).bounded && !g.names.Stubs() {
		doc(g.file, "What is longer than its field is cut.")
	}
	var items []item
	for _, f := range g.fact(s).image {
		items = append(items, item{path: to(f), typ: f.Type, value: field("m", g.names.Of(f))})
	}
	g.file.Func().Params(id("m").Op("*").Id(name)).Id(g.method("put")).Params(g.abiParams(s)...).BlockFunc(func(out *jen.Group) {
		g.bound(out, s, len(items))
		g.write(out, items)
	})
	g.file.Line()
}

// bound checks the length of b once, so that no access does.
func (g *generator) bound(out *jen.Group, s *schema.Struct, fields int) {
	if n := g.smallest(s); n > 0 && fields > 0 {
		out.Id("_").Op("=").Id("b").Index(num(n - 1))
	}
}

func (g *generator) recordGet(s *schema.Struct, name string) {
	fails, result := g.fact(s).fails, jen.Null()
	text := g.method("get") + " decodes b, which is large enough and private."
	if fails {
		result, text = jen.Params(id("ok").Bool()), text+" It is false if b is malformed."
	}
	if g.fact(s).lends {
		text += "\nSlices in m are parts of b."
	}
	doc(g.file, text)
	g.file.Func().Params(id("m").Op("*").Id(name)).Id(g.method("get")).Params(g.abiParams(s)...).Add(result).BlockFunc(func(out *jen.Group) {
		if fails {
			out.Id("ok").Op("=").True()
		}
		g.bound(out, s, len(g.fact(s).image))
		var parts []part
		for _, f := range g.fact(s).image {
			parts = append(parts, g.read(to(f), field("m", g.names.Of(f))))
		}
		g.branch(out, parts)
		if fails {
			out.Return(id("ok"))
		}
	})
	g.file.Line()
}

// read is the part of a codec that reads the value at a path into v.
func (g *generator) read(p *schema.Path, v value) part {
	paths := []*schema.Path{p}
	if p.Bits != nil || !counted(p.Leaf().Type) {
		return part{paths, func(out *jen.Group, a schema.ABI) { g.get(out, at(p, a), nil, v) }}
	}
	n := countOf(p)
	return part{append(paths, n), func(out *jen.Group, a schema.ABI) {
		count := at(n, a)
		g.get(out, at(p, a), &count, v)
	}}
}

// recordFits makes the method that says whether nothing in a struct is longer than its field.
func (g *generator) recordFits(s *schema.Struct, name string) {
	doc(g.file, "fits reports whether nothing in m is longer than its field.")
	g.file.Func().Params(id("m").Op("*").Id(name)).Id("fits").Params().Bool().BlockFunc(func(out *jen.Group) {
		for _, f := range g.fact(s).image {
			g.tooLong(out, f.Type, field("m", g.names.Of(f)), jen.Return(jen.False()))
		}
		out.Return(jen.True())
	})
	g.file.Line()
}

// unions are kept as bytes, with a view for each member.
func (g *generator) unions() {
	for _, u := range g.p.Unions {
		if !g.names.HasUnion(u) {
			continue
		}
		name, size := g.names.Of(u), 0
		for _, a := range g.abis {
			size = max(size, u.Size[a])
		}
		doc(g.file, or(sentence(name, "is", u.Doc), name+" is a union."))
		doc(g.file, "It is kept as bytes; its methods are views of them.")
		g.file.Type().Id(name).Index(num(size)).Byte()
		g.file.Line()
		for _, f := range u.Members {
			g.view(name, f)
		}
	}
}

func (g *generator) view(union string, f *schema.Field) {
	name, fails := g.names.Of(f), g.failing(f.Type)
	result := jen.Params(id("v").Add(g.goType(f.Type)))
	if fails {
		result = jen.Params(id("v").Add(g.goType(f.Type)), id("ok").Bool())
	}
	doc(g.file, or(sentence(name, "is", f.Doc), name+" reads the member of that name."))
	g.file.Func().Params(id("u").Op("*").Id(union)).Id(name).Params().Add(result).BlockFunc(func(out *jen.Group) {
		out.Id("b").Op(":=").Id("u").Index(jen.Op(":"))
		if fails {
			out.Id("ok").Op("=").True()
		}
		g.getType(out, f.Type, spot{}, g.abis[0], nil, named("v"))
		if fails {
			out.Return(id("v"), id("ok"))
		} else {
			out.Return(id("v"))
		}
	})
	g.file.Line()
	doc(g.file, fmt.Sprintf("Set%s makes it the union's value.", name))
	if g.bounded(f.Type) {
		doc(g.file, "What is too long is cut.")
	}
	g.file.Func().Params(id("u").Op("*").Id(union)).Id("Set" + name).Params(id("v").Add(g.goType(f.Type))).BlockFunc(func(out *jen.Group) {
		out.Clear(id("u").Index(jen.Op(":")))
		out.Id("b").Op(":=").Id("u").Index(jen.Op(":"))
		g.put(out, f.Type, spot{}, g.abis[0], named("v"))
	})
	g.file.Line()
}
