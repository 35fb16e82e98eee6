package gen

import (
	"fmt"

	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/schema"
)

// carriers are the segments that carry bulks, in the order of their use.
func (g *generator) carriers() (list []*schema.Struct) {
	seen := map[*schema.Struct]bool{}
	for _, t := range g.p.Transactions {
		for _, f := range t.Forms {
			for _, s := range f.Segments {
				if !seen[s.Elem] {
					seen[s.Elem] = true
					list = append(list, s.Elem)
				}
			}
		}
	}
	return list
}

// grain is the number of bytes that pieces of pages are multiples of. All are powers of two.
func (g *generator) grain() int {
	n := 1
	for _, s := range g.carriers() {
		n = max(n, grainOf(s))
	}
	return n
}

func grainOf(s *schema.Struct) int { return max(1, int(s.Segment.Unit.Bytes)) }

// segmentSize is the size of the largest segment that is in pages of its own, or 0.
func (g *generator) segmentSize() (n int) {
	for _, t := range g.p.Transactions {
		for _, f := range t.Forms {
			for _, s := range f.Segments {
				if s.Pages > 0 {
					n = max(n, s.Elem.Size[g.abis[0]])
				}
			}
		}
	}
	return n
}

// segmentFuncs is how the names of the functions for a segment end: with nothing for the only one.
func (g *generator) segmentFunc(verb string, s *schema.Struct) string { return verb + g.segments[s] }

// segmentCodecs makes the codecs of segments.
func (g *generator) segmentCodecs() {
	list := g.carriers()
	for i, s := range list {
		if i > 0 {
			g.segments[s] = itoa(i + 1)
		}
		g.putSegments(s)
		g.takeSegments(s)
		if g.paged(s) {
			g.putSegmentPages(s)
			g.takeSegmentPages(s)
		}
	}
}

// paged reports whether a form has pages of such segments.
func (g *generator) paged(segment *schema.Struct) bool {
	for _, t := range g.p.Transactions {
		for _, f := range t.Forms {
			for _, s := range f.Segments {
				if s.Pages > 0 && s.Elem == segment {
					return true
				}
			}
		}
	}
	return false
}

// scaled is an expression multiplied or divided by the grain of segments.
func scaled(v code, grain int, op string) code {
	if grain == 1 {
		return v
	}
	return v.Op(op).Add(num(grain))
}

func segmentsParam() code { return id("segs").Index().Add(idc("Segment")) }

func (g *generator) putSegments(s *schema.Struct) {
	a, seg, grain := g.abis[0], s.Segment, grainOf(s)
	size, name := s.Size[a], g.segmentFunc("putSegments", s)
	doc(g.file, fmt.Sprintf("%s encodes segs into b, %d bytes each.", name, size))
	g.file.Func().Id(name).Params(id("b").Index().Byte(), segmentsParam()).Block(
		jen.For(jen.List(id("_"), id("s")).Op(":=").Range().Id("segs")).BlockFunc(func(out *jen.Group) {
			out.Clear(id("b").Index(jen.Op(":").Add(num(size))))
			put := func(f *schema.Field, v code) { putRaw(out, f.Type, at(to(f), a).spot, id(rawName(f.Type)).Call(v)) }
			put(seg.Gref, field("s", "Ref")())
			put(seg.First, scaled(field("s", "Offset")(), grain, "/"))
			if seg.Inclusive {
				put(seg.Last, scaled(jen.Parens(field("s", "Offset")().Op("+").Id("s").Dot("Length")), grain, "/").Op("-").Lit(1))
			} else {
				put(seg.Last, scaled(field("s", "Length")(), grain, "/"))
			}
			out.Id("b").Op("=").Id("b").Index(num(size), jen.Empty())
		}))
	g.file.Line()
}

func (g *generator) takeSegments(s *schema.Struct) {
	a, seg, grain := g.abis[0], s.Segment, grainOf(s)
	size, name := s.Size[a], g.segmentFunc("takeSegments", s)
	refuse := jen.Return(jen.False())
	wide := func(f *schema.Field) code { return convert(rawName(f.Type), "uint64", raw(f.Type, at(to(f), a).spot)) }
	page := func() code { return num(schema.PageSize / grain) }
	doc(g.file, name+" checks the first n segments of b and adds them to the bulk data of\nr. It is false if there are too many, or one isn't within a page.")
	g.file.Func().Id(name).Params(id("r").Op("*").Add(idc("Request")), id("b").Index().Byte(), id("n").Int()).Bool().Block(
		jen.If(id("n").Op(">").Len(id("b")).Op("/").Add(num(size))).Block(refuse),
		jen.For(jen.Empty(), id("n").Op(">").Lit(0), id("n").Op("--")).BlockFunc(func(out *jen.Group) {
			out.List(id("first"), id("last")).Op(":=").List(wide(seg.First), wide(seg.Last))
			bad, length := id("first").Op(">=").Add(page()).Op("||").Id("last").Op(">").Add(page()), id("last")
			if seg.Inclusive {
				bad = id("first").Op(">").Id("last").Op("||").Id("last").Op(">=").Add(page())
				length = jen.Parens(id("last").Op("-").Id("first").Op("+").Lit(1))
			}
			out.If(bad).Block(refuse)
			out.Id("s").Op(":=").Add(idc("Segment")).Values(
				id("Ref").Op(":").Add(g.scalar(seg.Gref.Type, raw(seg.Gref.Type, at(to(seg.Gref), a).spot))),
				id("Offset").Op(":").Uint32().Call(scaled(id("first"), grain, "*")),
				id("Length").Op(":").Uint32().Call(scaled(length, grain, "*")))
			out.If(id("r").Dot("AddSegment").Call(id("s")).Op("!=").Nil()).Block(refuse)
			out.Id("b").Op("=").Id("b").Index(num(size), jen.Empty())
		}),
		jen.Return(jen.True()))
	g.file.Line()
}

func perPage(s *schema.Struct, a schema.ABI) int { return schema.PageSize / s.Size[a] }

func (g *generator) putSegmentPages(s *schema.Struct) {
	const some = 64
	size, per := s.Size[g.abis[0]], perPage(s, g.abis[0])
	name := g.segmentFunc("putSegmentPages", s)
	left := func() code { return jen.Len(id("segs")) }
	doc(g.file, fmt.Sprintf("%s encodes segs into the pages that t has for them, %d in each, and the\nreferences of these pages into grefs.", name, per))
	g.file.Func().Id(name).Params(id("t").Op("*").Add(idc("Txn")), id("grefs").Index().Byte(), segmentsParam()).Block(
		jen.Const().Id("some").Op("=").Add(num(min(some, per))),
		jen.Var().Id("b").Index(num(size).Op("*").Id("some")).Byte(),
		jen.For(id("i").Op(":=").Lit(0), left().Op(">").Lit(0), id("i").Op("++")).Block(
			jen.List(id("page"), id("ref")).Op(":=").Id("t").Dot("SegmentPage").Call(id("i")),
			std("binary", "LittleEndian").Dot("PutUint32").Call(id("grefs").Index(num(4).Op("*").Id("i"), jen.Empty()), jen.Uint32().Call(id("ref"))),
			jen.For(id("at").Op(":=").Lit(0), id("at").Op("<").Add(num(per)).Op("&&").Add(left()).Op(">").Lit(0), id("at").Op("+=").Id("some")).Block(
				id("n").Op(":=").Min(left(), id("some"), num(per).Op("-").Id("at")),
				call(g.segmentFunc("putSegments", s), id("b").Index(jen.Op(":")), id("segs").Index(jen.Op(":").Id("n"))),
				id("page").Dot("CopyIn").Call(num(size).Op("*").Id("at"), id("b").Index(jen.Op(":").Add(num(size)).Op("*").Id("n"))),
				id("segs").Op("=").Id("segs").Index(id("n"), jen.Empty()))))
	g.file.Line()
}

func (g *generator) takeSegmentPages(s *schema.Struct) {
	size, per := s.Size[g.abis[0]], perPage(s, g.abis[0])
	take, name := g.segmentFunc("takeSegments", s), g.segmentFunc("takeSegmentPages", s)
	refuse := jen.Return(jen.False())
	doc(g.file, name+" is "+take+" for segments in pages of their own. Each page is\ncopied before it is looked at.")
	g.file.Func().Id(name).Params(id("r").Op("*").Add(idc("Request")), id("grefs").Index().Byte(), id("n").Int()).Bool().Block(
		jen.If(id("n").Op(">").Add(num(per)).Op("*").Parens(jen.Len(id("grefs")).Op("/").Lit(4))).Block(refuse),
		jen.For(id("n").Op(">").Lit(0)).Block(
			id("some").Op(":=").Min(id("n"), num(per)),
			jen.List(id("b"), jen.Err()).Op(":=").Id("r").Dot("List").Call(
				idc("GrantRef").Call(std("binary", "LittleEndian").Dot("Uint32").Call(id("grefs"))), num(size).Op("*").Id("some")),
			jen.If(jen.Err().Op("!=").Nil().Op("||").Op("!").Id(take).Call(id("r"), id("b"), id("some"))).Block(refuse),
			jen.List(id("grefs"), id("n")).Op("=").List(id("grefs").Index(num(4), jen.Empty()), id("n").Op("-").Id("some"))),
		jen.Return(jen.True()))
	g.file.Line()
}
