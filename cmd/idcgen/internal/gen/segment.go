package gen

import (
	"fmt"

	"github.com/xenidc/idc/idl/schema"
)

// arrayOf makes the accessor of an array that segments or pages of them go to.
func (g *generator) arrayOf(s *schema.Struct, f *schema.Field) {
	g.out.line("// %s is where %s is.", g.arrayName(s, f), f.Name)
	if g.same(f.Offset) {
		g.out.line("func %s(b []byte) []byte { return %s }", g.arrayName(s, f), sliceOf(f, g.abis[0].ABI))
		g.out.line("")
		return
	}
	g.out.line("func %s(b []byte, abi int) []byte {", g.arrayName(s, f))
	groups := g.layouts([]*schema.Field{f})
	for _, group := range groups[:len(groups)-1] {
		g.out.line("if %s {", g.isABI(group))
		g.out.line("return %s", sliceOf(f, group[0].ABI))
		g.out.line("}")
	}
	g.out.line("return %s", sliceOf(f, groups[len(groups)-1][0].ABI))
	g.out.line("}")
	g.out.line("")
}

func sliceOf(f *schema.Field, a schema.ABI) string {
	return fmt.Sprintf("b[%d:%d]", f.Offset[a], f.Offset[a]+f.Size[a])
}

func (g *generator) arrayName(s *schema.Struct, f *schema.Field) string {
	return g.structName(s) + exported(f.Name)
}

// arrayExpr is the array of a segment bind, in the slot b.
func (g *generator) arrayExpr(s *schema.Struct, bind *schema.SegmentBind, b string) string {
	f := bind.Array.Leaf()
	if g.same(f.Offset) {
		return fmt.Sprintf("%s(%s)", g.arrayName(s, f), b)
	}
	return fmt.Sprintf("%s(%s, abi)", g.arrayName(s, f), b)
}

// segments makes the codec of segments.
func (g *generator) segments() {
	s := g.segment()
	if s == nil {
		return
	}
	g.putSegments(s)
	g.takeSegments(s)
	if g.paged() {
		g.segmentPages(s)
	}
}

// scaled is an expression divided by the grain of segments.
func scaled(v string, grain int, op string) string {
	if grain == 1 {
		return v
	}
	return fmt.Sprintf("%s%s%d", v, op, grain)
}

func (g *generator) putSegments(s *schema.Struct) {
	abi, seg, size := g.abis[0].ABI, s.Segment, s.Size[g.abis[0].ABI]
	g.out.line("// putSegments encodes segs into b, %d bytes each.", size)
	g.out.line("func putSegments(b []byte, segs []idc.Segment) {")
	g.out.line("for _, s := range segs {")
	g.out.line("clear(b[:%d])", size)
	g.putScalar(seg.Gref.Type, at{off: seg.Gref.Offset[abi]}, "s.Ref")
	first, last := scaled("s.Offset", g.grain(), "/"), "s.Length"
	if seg.Inclusive {
		last = scaled("(s.Offset+s.Length)", g.grain(), "/") + "-1"
	} else {
		last = scaled(last, g.grain(), "/")
	}
	g.out.line("%s", g.putUint(seg.First, abi, first))
	g.out.line("%s", g.putUint(seg.Last, abi, last))
	g.out.line("b = b[%d:]", size)
	g.out.line("}")
	g.out.line("}")
	g.out.line("")
}

func (g *generator) putUint(f *schema.Field, abi schema.ABI, v string) string {
	if f.Type.Size == 1 {
		return fmt.Sprintf("b[%d] = uint8(%s)", f.Offset[abi], v)
	}
	return fmt.Sprintf("%s.PutUint%d(b[%d:], uint%d(%s))", order(f.Type), 8*f.Type.Size, f.Offset[abi], 8*f.Type.Size, v)
}

func (g *generator) getUint(f *schema.Field, abi schema.ABI) string {
	if f.Type.Size == 1 {
		return fmt.Sprintf("uint32(b[%d])", f.Offset[abi])
	}
	return fmt.Sprintf("uint32(%s.Uint%d(b[%d:]))", order(f.Type), 8*f.Type.Size, f.Offset[abi])
}

func (g *generator) takeSegments(s *schema.Struct) {
	abi, seg, size := g.abis[0].ABI, s.Segment, s.Size[g.abis[0].ABI]
	g.out.line("// takeSegments checks the first n segments of b and adds them to the bulk data of")
	g.out.line("// r. It is false if there are too many, or one isn't within a page.")
	g.out.line("func takeSegments(r *idc.Request, b []byte, n int) bool {")
	g.out.line("if n > len(b)/%d {", size)
	g.out.line("return false")
	g.out.line("}")
	g.out.line("for ; n > 0; n-- {")
	g.out.line("s := idc.Segment{Ref: %s}", g.scalar(seg.Gref.Type, at{off: seg.Gref.Offset[abi]}))
	g.out.line("first, last := %s, %s", g.getUint(seg.First, abi), g.getUint(seg.Last, abi))
	if seg.Inclusive {
		g.out.line("if first > last || last >= %s {", scaled(fmt.Sprint(schema.PageSize), g.grain(), "/"))
		g.out.line("return false")
		g.out.line("}")
		g.out.line("s.Offset, s.Length = %s, %s", scaled("first", g.grain(), "*"), scaled("(last-first+1)", g.grain(), "*"))
	} else {
		g.out.line("s.Offset, s.Length = %s, %s", scaled("first", g.grain(), "*"), scaled("last", g.grain(), "*"))
	}
	g.out.line("if r.AddSegment(s) != nil {")
	g.out.line("return false")
	g.out.line("}")
	g.out.line("b = b[%d:]", size)
	g.out.line("}")
	g.out.line("return true")
	g.out.line("}")
	g.out.line("")
}

func (g *generator) segmentPages(s *schema.Struct) {
	size := s.Size[g.abis[0].ABI]
	per := schema.PageSize / size
	g.out.line("// segmentsPerPage is how many segments a page of them holds.")
	g.out.line("const segmentsPerPage = %d", per)
	g.out.line("")
	g.out.lines(fmt.Sprintf(`
	// putSegmentPages encodes segs into the pages that t has for them, and the
	// references of these pages into grefs.
	func putSegmentPages(t *idc.Txn, grefs []byte, segs []idc.Segment) {
	const some = 64
	var b [%[1]d * some]byte
	for i := 0; len(segs) > 0; i++ {
	page, ref := t.SegmentPage(i)
	binary.LittleEndian.PutUint32(grefs[4*i:], uint32(ref))
	for at := 0; at < segmentsPerPage && len(segs) > 0; at += some {
	n := min(len(segs), some, segmentsPerPage-at)
	putSegments(b[:], segs[:n])
	page.CopyIn(%[1]d*at, b[:%[1]d*n])
	segs = segs[n:]
	}
	}
	}

	// takeSegmentPages is takeSegments for segments in pages of their own. Each page is
	// copied before it is looked at.
	func takeSegmentPages(r *idc.Request, grefs []byte, n int) bool {
	if n > segmentsPerPage*(len(grefs)/4) {
	return false
	}
	for n > 0 {
	some := min(n, segmentsPerPage)
	b, err := r.List(idc.GrantRef(binary.LittleEndian.Uint32(grefs)), %[1]d*some)
	if err != nil || !takeSegments(r, b, some) {
	return false
	}
	grefs, n = grefs[4:], n-some
	}
	return true
	}
	`, size))
	g.out.line("")
}
