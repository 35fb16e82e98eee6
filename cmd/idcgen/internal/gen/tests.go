package gen

import (
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/schema"
)

// tests fills the file of tests: what is decoded and encoded again is the same, and no request that a front end can write
// harms a back end.
func (g *generator) tests() {
	g.fuzzCodec()
	if g.names.Stubs() {
		g.nothingDriver()
		g.fuzzBack()
	}
}

func fuzzParam() code { return id("f").Op("*").Add(std("testing", "F")) }

func (g *generator) fuzzCodec() {
	largest, loop := 0, false
	var list []*schema.Struct
	for _, s := range g.p.Structs {
		if !g.names.HasStruct(s) {
			continue
		}
		list, loop = append(list, s), loop || g.fact(s).varies
		for _, a := range g.abis {
			largest = max(largest, s.Size[a])
		}
	}
	if len(list) == 0 {
		return
	}
	doc(g.file, "FuzzCodec decodes arbitrary bytes, encodes what came out and decodes that.")
	g.file.Func().Id("FuzzCodec").Params(fuzzParam()).Block(
		id("f").Dot("Add").Call(std("bytes", "Repeat").Call(jen.Index().Byte().Values(num(1)), num(largest))),
		id("f").Dot("Fuzz").Call(jen.Func().Params(id("t").Op("*").Add(std("testing", "T")), id("raw").Index().Byte()).BlockFunc(func(out *jen.Group) {
			out.Id("in").Op(":=").Make(jen.Index().Byte(), num(largest))
			out.Copy(id("in"), id("raw"))
			trips := func(out *jen.Group) {
				for _, s := range list {
					g.roundTrip(out, s)
				}
			}
			if !loop {
				trips(out)
				return
			}
			abis := num(len(g.abis))
			if !g.names.Stubs() {
				abis = id("ABI").Call(num(len(g.abis)))
			}
			out.For(id("abi").Op(":=").Range().Add(abis)).BlockFunc(trips)
		})))
	g.file.Line()
}

func (g *generator) roundTrip(out *jen.Group, s *schema.Struct) {
	get := func(m string, b code) code { return id(m).Dot(g.method("get")).Call(g.withABI(s, b)...) }
	out.BlockFunc(func(out *jen.Group) {
		out.Var().List(id("m"), id("again")).Id(g.names.Of(s))
		differ := id("m").Op("!=").Id("again")
		if !g.fact(s).comparable {
			differ = jen.Op("!").Add(std("reflect", "DeepEqual")).Call(id("m"), id("again"))
		}
		check := func(out *jen.Group) {
			out.Id("b").Op(":=").Make(jen.Index().Byte(), jen.Len(id("in")))
			out.Id("m").Dot(g.method("put")).Call(g.withABI(s, id("b"))...)
			cond := []jen.Code{get("again", id("b")), differ}
			if g.fact(s).fails {
				cond = []jen.Code{jen.Op("!").Add(get("again", id("b"))).Op("||").Add(differ)}
			}
			out.If(cond...).Block(id("t").Dot("Errorf").Call(jen.Lit(s.Name+" became %+v, was %+v"), id("again"), id("m")))
		}
		if g.fact(s).fails {
			out.If(get("m", id("in"))).BlockFunc(check)
			return
		}
		out.Add(get("m", id("in")))
		check(out)
	})
}

// nothingDriver makes a driver that does nothing.
func (g *generator) nothingDriver() {
	doc(g.file, "nothing is a driver that does nothing.")
	g.file.Type().Id("nothing").Struct()
	g.file.Line()
	for _, t := range g.p.Transactions {
		m := g.calls[t]
		params := []jen.Code{std("context", "Context"), id(m.name + "Request")}
		if m.bulk != nil {
			params = append(params, jen.Op("*").Add(idc("Bulk")))
		}
		outcome := jen.Nil()
		if !g.implicit() {
			outcome = g.role(schema.Success)
		}
		g.file.Func().Params(id("nothing")).Id(m.name).Params(params...).Add(returns(g.served(t))).Block(jen.Return(append(g.nothing(t), outcome)...))
		g.file.Line()
	}
}

// fuzzBack sends arbitrary slots to a back end.
func (g *generator) fuzzBack() {
	export := []jen.Code{id("peer"), jen.Lit("fuzz")}
	if g.hasKeys() {
		export = append(export, id("sample"))
		doc(g.file, "sample is what the back end of the tests publishes.")
		g.file.Var().Id("sample").Op("=").Id("BackKeys").Add(g.sampleKeys(schema.Back))
		g.file.Line()
	}
	publish := emptyPublish()
	if len(g.keysOf(schema.Front)) > 0 {
		publish = id("FrontKeys").Add(g.sampleKeys(schema.Front)).Dot("publish")
	}
	ring, abi := g.p.Rings[0], g.abis[0]
	size := 0
	for _, s := range ring.Requests {
		size = max(size, s.Struct.Size[abi])
	}
	slot := at(ring.Requests[0].ID, abi)
	opts := []jen.Code{id("d"), jen.Lit("fuzz"), id("spec")}
	if names := g.p.Device.Names; len(names) > 0 && !g.p.Device.Independent {
		opts = append(opts, idc("SpeakABI").Call(jen.Lit(names[0].Name)))
	}
	doc(g.file, "FuzzBack sends arbitrary requests to a back end, which has to answer each, and to\nserve the next.")
	cleanup := func(x string) code {
		return id("f").Dot("Cleanup").Call(jen.Func().Params().Block(id(x).Dot("Close").Call()))
	}
	g.file.Func().Id("FuzzBack").Params(fuzzParam()).Block(
		jen.List(id("d"), id("peer")).Op(":=").Qual(idctestPath, "Pair").Call(id("f")),
		id("s").Op(":=").Id("Export").Call(append(export, id("nothing").Values())...),
		cleanup("s"),
		id("spec").Op(":=").Add(idc("FrontSpec")).Custom(jen.Options{Open: "{", Close: "}", Separator: ",", Multi: true},
			id("Protocol").Op(":").Op("&").Id("protocol"), id("Publish").Op(":").Add(publish),
			id("Negotiate").Op(":").Func().Params(jen.Op("*").Add(idc("KeyReader"))).Params(jen.Int(), jen.Error()).Block(
				jen.Return(num(g.maxSegments()), jen.Nil()))),
		id("front").Op(":=").Add(idc("NewFront")).Call(opts...),
		cleanup("front"),
		id("f").Dot("Add").Call(jen.Make(jen.Index().Byte(), num(size))),
		id("f").Dot("Fuzz").Call(jen.Func().Params(id("t").Op("*").Add(std("testing", "T")), id("raw").Index().Byte()).Block(
			jen.List(id("x"), jen.Err()).Op(":=").Id("front").Dot("Begin").Call(id("t").Dot("Context").Call(), jen.Nil(), num(0), num(0)),
			jen.If(jen.Err().Op("!=").Nil()).Block(id("t").Dot("Fatal").Call(jen.Err())),
			id("encode").Op(":=").Func().Params(id("x").Op("*").Add(idc("Txn"))).BlockFunc(func(out *jen.Group) {
				out.Id("b").Op(":=").Id("x").Dot("Request").Call(num(size))
				out.Copy(id("b"), id("raw"))
				putRaw(out, slot.leaf, slot.spot, convert("uint64", rawName(slot.leaf), id("x").Dot("ID").Call()))
			}),
			jen.If(jen.Err().Op(":=").Id("x").Dot("Run").Call(id("t").Dot("Context").Call(), id("encode"), jen.False()), jen.Err().Op("!=").Nil()).Block(
				id("t").Dot("Fatal").Call(jen.Lit("the back end gave up: "), jen.Err())),
			id("x").Dot("End").Call())))
	g.file.Line()
}

// sampleKeys gives every key that must be there a value that it may have.
func (g *generator) sampleKeys(side schema.Side) code {
	var fields []jen.Code
	for _, k := range g.keysOf(side) {
		set := func(v code) { fields = append(fields, id(g.keyField(k)).Op(":").Add(v)) }
		switch {
		case k.Type.Kind == schema.Bool:
			set(jen.True())
		case k.Form == schema.Text && len(k.OneOf) > 0:
			set(jen.Lit(k.OneOf[0]))
		case k.Form == schema.Text && !k.Optional && k.Default == nil:
			set(jen.Lit(strings.Repeat("x", 3)))
		case k.Default != nil || k.Optional:
		case k.Type.Kind == schema.EnumOf && len(k.Type.Enum.Values) > 0:
			set(g.enumValue(k.Type.Enum, k.Type.Enum.Values[0]))
		case k.Min != nil && k.Min.Sign() > 0:
			set(lit(*k.Min))
		case k.Max != nil && k.Max.Sign() < 0:
			set(lit(*k.Max))
		}
	}
	return jen.Values(fields...)
}
