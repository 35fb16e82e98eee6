package gen

import (
	"fmt"

	"github.com/xenidc/idc/idl/schema"
)

// tests renders the file of tests: what is decoded and encoded again is the same,
// and no request that a front end can write harms a back end.
func (g *generator) tests() ([]byte, error) {
	g.out = newCode(g.pkg, g.source)
	g.fuzzCodec()
	if g.whole {
		g.nothing()
		g.fuzzBack()
	}
	return g.out.render()
}

// largest is the size of the largest struct.
func (g *generator) largest() (n int) {
	for _, s := range g.p.Structs {
		if g.structs[s] {
			for _, a := range g.abis {
				n = max(n, s.Size[a.ABI])
			}
		}
	}
	return n
}

func (g *generator) fuzzCodec() {
	g.out.line("// FuzzCodec decodes arbitrary bytes, encodes what came out and decodes that.")
	g.out.line("func FuzzCodec(f *testing.F) {")
	g.out.line("f.Add(bytes.Repeat([]byte{1}, %d))", g.largest())
	g.out.line("f.Fuzz(func(t *testing.T, raw []byte) {")
	g.out.line("in := make([]byte, %d)", g.largest())
	g.out.line("copy(in, raw)")
	loop := false
	for s := range g.structs {
		loop = loop || g.varies(s)
	}
	if loop {
		g.out.line("for abi := range %d {", len(g.abis))
	}
	for _, s := range g.p.Structs {
		if g.structs[s] {
			g.roundTrip(s)
		}
	}
	if loop {
		g.out.line("}")
	}
	g.out.line("})")
	g.out.line("}")
	g.out.line("")
}

func (g *generator) roundTrip(s *schema.Struct) {
	name := g.structName(s)
	g.out.line("{")
	g.out.line("var m, again %s", name)
	get, verify := "m."+g.method("get")+"(in"+g.passABI(s)+")", "again."+g.method("get")+"(b"+g.passABI(s)+")"
	if g.canFail(s) {
		g.out.line("if %s {", get)
	} else {
		g.out.line("%s", get)
	}
	g.out.line("b := make([]byte, len(in))")
	g.out.line("m.%s(b%s)", g.method("put"), g.passABI(s))
	differ := "m != again"
	if !g.comparable(s) {
		differ = "!reflect.DeepEqual(m, again)"
	}
	if g.canFail(s) {
		g.out.line("if !%s || %s {", verify, differ)
	} else {
		g.out.line("if %s; %s {", verify, differ)
	}
	g.out.line(`t.Errorf("%s became %%+v, was %%+v", again, m)`, s.Name)
	g.out.line("}")
	if g.canFail(s) {
		g.out.line("}")
	}
	g.out.line("}")
}

func (g *generator) comparable(s *schema.Struct) bool {
	for _, f := range g.image(s) {
		t := f.Type
		if t.Kind == schema.Bytes && t.Count != nil || t.Kind == schema.ArrayOf && counted(t) || t.Kind == schema.StructOf && !g.comparable(t.Struct) {
			return false
		}
		if t.Kind == schema.ArrayOf && t.Elem.Kind == schema.StructOf && !g.comparable(t.Elem.Struct) {
			return false
		}
	}
	return true
}

// nothing makes a driver that does nothing.
func (g *generator) nothing() {
	g.out.line("// nothing is a driver that does nothing.")
	g.out.line("type nothing struct{}")
	g.out.line("")
	for _, t := range g.p.Transactions {
		bulk := ""
		if bulkOf(t) != nil {
			bulk = ", *idc.Bulk"
		}
		g.out.line("func (nothing) %s(context.Context, %sRequest%s) %s {", callName(t), callName(t), bulk, g.serves(t))
		values := ""
		for _, typ := range g.results(t) {
			values += zero(typ, t) + ", "
		}
		if g.implicit() {
			values += "nil"
		} else {
			values += g.role(schema.Success)
		}
		g.out.line("return %s", values)
		g.out.line("}")
		g.out.line("")
	}
}

// fuzzBack sends arbitrary slots to a back end.
func (g *generator) fuzzBack() {
	keys := ""
	if g.hasKeys() {
		keys = "sample, "
		g.out.line("// sample is what the back end of the tests publishes.")
		g.out.line("var sample = BackKeys{%s}", g.sampleKeys())
		g.out.line("")
	}
	id := g.p.Rings[0].Requests[0].ID
	abi := g.abis[0].ABI
	size := g.p.Rings[0].Stride[abi]
	for _, s := range g.p.Rings[0].Requests {
		size = min(size, max(s.Struct.Size[abi], g.wireRequest()))
	}
	option := ""
	if name := g.abis[0].Name; name != "" {
		option = fmt.Sprintf(", idc.SpeakABI(%q)", name)
	}
	g.out.lines(fmt.Sprintf(`
	// FuzzBack sends arbitrary requests to a back end, which has to answer each, and to
	// serve the next.
	func FuzzBack(f *testing.F) {
	d, peer := idctest.Pair(f)
	s := Export(peer, "fuzz", %snothing{})
	f.Cleanup(func() { s.Close() })
	spec := idc.FrontSpec{
	Protocol: &protocol,
	Publish: func(*idc.KeyWriter) {},
	Negotiate: func(*idc.KeyReader) (int, error) { return %d, nil },
	}
	front := idc.NewFront(d, "fuzz", spec%s)
	f.Cleanup(func() { front.Close() })
	f.Add(make([]byte, %d))
	f.Fuzz(func(t *testing.T, raw []byte) {
	x, err := front.Begin(t.Context(), nil, 0, 0)
	if err != nil {
	t.Fatal(err)
	}
	encode := func(x *idc.Txn) {
	b := x.Request(%d)
	copy(b, raw)
	binary.LittleEndian.PutUint%d(b[%d:], uint%d(x.ID()))
	}
	if err := x.Run(t.Context(), encode, false); err != nil {
	t.Fatal("the back end gave up: ", err)
	}
	x.End()
	})
	}
	`, keys, g.maxSegments(), option, size, size, 8*id.Leaf().Size[abi], id.Offset(abi), 8*id.Leaf().Size[abi]))
}

func (g *generator) wireRequest() (n int) {
	for _, s := range g.p.Rings[0].Requests {
		n = max(n, s.Struct.Size[g.abis[0].ABI])
	}
	return n
}

// sampleKeys gives every key that must be there its least value.
func (g *generator) sampleKeys() (fields string) {
	for _, k := range g.keysOf(schema.Back) {
		switch {
		case k.Type.Kind == schema.Bool:
			fields += exported(k.Name) + ": true, "
		case k.Form == schema.Text && len(k.OneOf) > 0:
			fields += fmt.Sprintf("%s: %q, ", exported(k.Name), k.OneOf[0])
		case k.Min != nil:
			fields += fmt.Sprintf("%s: %d, ", exported(k.Name), *k.Min)
		}
	}
	return fields
}
