package resolve

import (
	"slices"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
)

// sound checks what only whole forms show: that every value has a place of its own on every ABI, and comes out as it went in.
func (r *resolver) sound() {
	if r.diags.Failed() {
		return // what follows relies on complete forms
	}
	for _, s := range r.p.Structs {
		r.counts(s)
		r.tags(s)
		if s.Segment != nil {
			r.pieces(s)
		}
	}
	for _, ring := range r.p.Rings {
		r.everywhere(ring)
	}
	for _, t := range r.p.Transactions {
		for _, f := range t.Forms {
			r.formSound(f, slices.Concat(f.Match, f.Set), f.Reply)
		}
		r.splitSound(t)
	}
	for _, m := range r.p.Messages {
		if m.Form != nil {
			r.formSound(m.Form, slices.Concat(m.Form.Match, m.Form.Set), nil)
		}
	}
}

// missing is an ABI of the protocol's on which a path doesn't exist.
func (r *resolver) missing(p *schema.Path) (a schema.ABI, found bool) {
	for _, a := range schema.ABIs {
		if r.speaks(a) && !p.On(a) {
			return a, true
		}
	}
	return 0, false
}

// counts checks that each field with a length has a count of its own, wherever it exists.
func (r *resolver) counts(s *schema.Struct) {
	type counted struct {
		path *schema.Path
		by   *schema.Field
	}
	var seen []counted
	for _, f := range s.Fields {
		count := f.Type.Count
		if count == nil && f.Type.Pages != nil {
			count = f.Type.Pages.Count
		}
		if count == nil {
			continue
		}
		for _, prev := range seen {
			if prev.path.Equal(count) {
				r.diags.Add(diag.BadCount, f.Pos, "`%s` counts `%s` already", count, prev.by.Name).Note(prev.by.Pos, "`%s` is declared here", prev.by.Name).
					Because("two fields of different lengths need two counts").Try("give `%s` a count of its own", f.Name)
			}
		}
		seen = append(seen, counted{count, f})
		if inner := countedWithin(count); inner != nil {
			r.diags.Add(diag.BadCount, f.Pos, "`%s` counts `%s` already", count, inner.Name).Note(inner.Pos, "`%s` is declared here", inner.Name).
				Because("two fields of different lengths need two counts").Try("give `%s` a count of its own", f.Name)
		}
		for _, a := range schema.ABIs {
			if r.speaks(a) && f.On(a) != count.On(a) {
				r.diags.Add(diag.BadCount, f.Pos, "on %s `%s` and its count aren't both there", a, f.Name).Note(count.Leaf().Pos, "`%s` is declared here", count).
					Because("the one means nothing without the other").Try("put both `on` the same ABIs")
				break
			}
		}
	}
}

// countedWithin finds what a count in an inner struct counts there, or nil.
func countedWithin(count *schema.Path) *schema.Field {
	for i := 1; i < len(count.Fields); i++ {
		t := count.Fields[i-1].Type
		if t.Kind != schema.StructOf {
			continue
		}
		rest := &schema.Path{Fields: count.Fields[i:], Bits: count.Bits}
		for _, f := range t.Struct.Fields {
			if c := f.Type.Count; c != nil && c.Equal(rest) {
				return f
			}
		}
	}
	return nil
}

// tags checks that wherever there is a tagged union, there is the tag that says what it holds.
func (r *resolver) tags(s *schema.Struct) {
	for _, f := range s.Fields {
		tag := f.Type.Tag
		if tag == nil {
			continue
		}
		for _, a := range schema.ABIs {
			if r.speaks(a) && f.On(a) && !tag.On(a) {
				r.diags.Add(diag.UnionTag, f.Pos, "on %s nothing says which member of `%s` is there", a, f.Name).
					Note(tag.Leaf().Pos, "`%s` is declared here", tag).
					Because("a tagged union means nothing without its tag").Try("put both `on` the same ABIs")
				break
			}
		}
	}
}

// pieces checks that a segment can describe every piece of a page, in one way on all ABIs.
func (r *resolver) pieces(s *schema.Struct) {
	seg := s.Segment
	grain := seg.Unit.Bytes
	if grain > schema.PageSize || schema.PageSize%grain != 0 {
		r.diags.Add(diag.SegmentShape, seg.First.Pos, "%s don't fill a page", seg.Unit.Name).
			Because("a page has %d bytes, and data goes on in the next", schema.PageSize).Try("use a unit that a page is a multiple of")
		return
	}
	if seg.First == seg.Last {
		r.diags.Add(diag.SegmentShape, seg.First.Pos, "`%s` can't be both ends of a piece", seg.First.Name).
			Because("a piece has a place and a length").Try("name two fields")
	}
	most := schema.Num(schema.PageSize / grain)
	for _, f := range []*schema.Field{seg.First, seg.Last} {
		least := most
		if seg.Inclusive || f == seg.First {
			least = schema.Num(schema.PageSize/grain - 1)
		}
		if _, top := schema.Range(f.Type.Size, false); top.Cmp(least) < 0 {
			r.diags.Add(diag.SegmentShape, f.Pos, "`%s` can't say %d", f.Name, least).
				Because("a page has %d %s", most, seg.Unit.Name).Try("give it the type u16")
		}
	}
	for _, f := range []*schema.Field{seg.Gref, seg.First, seg.Last} {
		if _, gone := r.missing(&schema.Path{Fields: []*schema.Field{f}}); gone || !r.p.Device.Same(f.Offset) || !r.p.Device.Same(s.Size) {
			r.diags.Add(diag.LayoutDiffers, f.Pos, "segment `%s` isn't laid out alike on every ABI", s.Name).
				Because("its pieces are written without a look at the ABI").Try("move 8-byte fields to multiples of 8 with a pad")
			return
		}
	}
}

// everywhere checks that what is read before the kind of a slot is known exists on every ABI.
func (r *resolver) everywhere(ring *schema.Ring) {
	for _, slot := range slices.Concat(ring.Requests, ring.Responses) {
		for _, p := range append(slices.Clone(slot.Tags), slot.ID) {
			if a, gone := r.missing(p); gone {
				r.diags.Add(diag.TagMoves, p.Leaf().Pos, "`%s` isn't there on %s", p, a).
					Because("it is read before anyone knows what the slot holds").Try("remove `on`")
			}
		}
	}
	if len(ring.Requests) > 0 && len(ring.Responses) > 0 {
		if req, rsp := ring.Requests[0].ID, ring.Responses[0].ID; req.Type().Size != rsp.Type().Size {
			r.diags.Add(diag.TagMoves, rsp.Leaf().Pos, "the id of a response is %s, that of a request %s", rsp.Type(), req.Type()).
				Note(req.Leaf().Pos, "that of a request is here").Because("the response repeats the request's").Try("give both the same type")
		}
	}
}

func (r *resolver) formSound(f *schema.Form, binds, reply []schema.Bind) {
	for _, b := range slices.Concat(binds, reply) {
		r.arrives(f, b)
	}
	for _, list := range [][]schema.Bind{binds, reply} {
		r.unionMembers(f, list)
		r.boundCounts(f, list)
	}
	for i := range f.Segments {
		s := &f.Segments[i]
		for _, p := range []*schema.Path{s.Array, s.Count} {
			if a, gone := r.missing(p); gone {
				r.notThere(f, p, s.Bulk.Name, s.Bulk.Pos, a)
			}
		}
		if top := topOf(s.Count); top < uint64(s.Max) {
			s.Max = int(top)
		}
	}
}

// topOf is the greatest number that an unsigned place holds.
func topOf(p *schema.Path) uint64 {
	if p.Bits != nil {
		return p.Bits.Mask() >> p.Bits.Shift
	}
	_, top := schema.Range(p.Leaf().Type.Size, p.Leaf().Type.Signed)
	return top.Bits()
}

// arrives checks that a value that the other side needs has a place on every ABI.
func (r *resolver) arrives(f *schema.Form, b schema.Bind) {
	for _, p := range []*schema.Path{b.Path, b.Source.Path} {
		if p == nil {
			continue
		}
		a, gone := r.missing(p)
		if !gone {
			continue
		}
		name, at := p.String(), p.Leaf().Pos
		if b.Source.Param != nil {
			name, at = b.Source.Param.Name, b.Source.Param.Pos
		}
		r.notThere(f, p, name, at, a)
	}
}

func (r *resolver) notThere(f *schema.Form, p *schema.Path, name string, at diag.Span, a schema.ABI) {
	r.diags.Add(diag.Unbound, f.Pos, "form `%s` carries `%s` nowhere on %s", f.Name, name, a).Note(p.Leaf().Pos, "`%s` isn't there", p).Note(at, "declared here").
		Because("the peer would never learn its value").Try("give it a field that every ABI has")
}

// unionMembers checks that what a form gives to members of a union doesn't share bytes, and that a tag says which member it is.
func (r *resolver) unionMembers(f *schema.Form, list []schema.Bind) {
	members := map[*schema.Field]map[*schema.Field]schema.Bind{} // by the union's field
	for _, b := range list {
		for i, field := range b.Path.Fields[:len(b.Path.Fields)-1] {
			if field.Type.Kind != schema.UnionOf {
				continue
			}
			member := b.Path.Fields[i+1]
			if members[field] == nil {
				members[field] = map[*schema.Field]schema.Bind{}
			}
			for other, prev := range members[field] {
				if other != member && shares(prev.Path, b.Path) {
					r.diags.Add(diag.BoundTwice, f.Pos, "`%s` and `%s` share bytes", prev.Path, b.Path).Note(b.Path.Leaf().Pos, "the second is declared here").
						Because("the members of a union are at one place").Try("give a value to one of them")
					return
				}
			}
			members[field][member] = b
			if tag := field.Type.Tag; tag != nil {
				r.tagged(f, list, &schema.Path{Fields: slices.Concat(b.Path.Fields[:i], tag.Fields), Bits: tag.Bits}, member)
			}
		}
	}
}

// shares tells whether two paths lead to the same bytes.
func shares(p, q *schema.Path) bool {
	for _, a := range schema.ABIs {
		if p.On(a) && q.On(a) && p.Offset(a) < q.Offset(a)+q.Leaf().Size[a] && q.Offset(a) < p.Offset(a)+p.Leaf().Size[a] {
			return true
		}
	}
	return false
}

// tagged checks that a form says by the union's tag that a member is there.
func (r *resolver) tagged(f *schema.Form, list []schema.Bind, tag *schema.Path, member *schema.Field) {
	value, known := schema.Number{}, true // a field without a value is zero
	for _, b := range list {
		if b.Path.Equal(tag) {
			value, known = b.Source.Const, b.Source.Kind == schema.FromConst
		}
	}
	if known && slices.Contains(member.When, value) {
		return
	}
	d := r.diags.Add(diag.UnionTag, f.Pos, "form `%s` fills `%s`, and `%s` doesn't say so", f.Name, member.Name, tag).
		Note(member.Pos, "declared here").Because("the receiver would look at another member, or at none")
	if len(member.When) > 0 {
		d.Try("add `%s = %d`", tag, member.When[0])
	} else {
		d.Try("give the member a value of the tag")
	}
}

// boundCounts checks that a form gives no value to what counts a field that it carries: the length of the value does.
func (r *resolver) boundCounts(f *schema.Form, list []schema.Bind) {
	type count struct {
		path *schema.Path
		of   string
	}
	var counts []count
	for _, b := range list {
		if n := b.Path.Leaf().Type.Count; b.Path.Bits == nil && n != nil {
			counts = append(counts, count{inStruct(b.Path, n), b.Path.String()})
		}
	}
	for _, s := range f.Segments {
		counts = append(counts, count{s.Count, s.Array.String()})
	}
	for _, b := range list {
		for _, n := range counts {
			if b.Path.Equal(n.path) || len(b.Path.Fields) == len(n.path.Fields) && overlap(b.Path, n.path) && b.Path.Bits == nil && b.Source.Kind != schema.FromParam {
				r.diags.Add(diag.BoundTwice, f.Pos, "`%s` counts `%s`, and form `%s` gives it another value", n.path, n.of, f.Name).
					Note(b.Path.Leaf().Pos, "`%s` is declared here", b.Path).
					Because("it says how long the value of `%s` is", n.of).Try("leave `%s` to the compiler", n.path)
			}
		}
	}
}

// splitSound checks that the parts of a bulk start where the argument that is advanced says.
func (r *resolver) splitSound(t *schema.Transaction) {
	if t.Split == nil {
		return
	}
	at, unit := t.Split.Start.Pos, t.Split.Start.Type.Unit
	bad := func(what, why, fix string, args ...any) {
		r.diags.Add(diag.BadSplit, at, "`%s` can't be split: "+what, append([]any{t.Split.Bulk.Name}, args...)...).Because("%s", why).Try("%s", fix)
	}
	if len(t.Results) > 0 {
		at = t.Results[0].Pos
		bad("`%s` is a result", "each part is answered, and one answer can't be made of all", "remove `split`, or the results", t.Results[0].Name)
		return
	}
	if most := t.Split.Bulk.Bulk.Max; most > 0 && most < unit.Bytes {
		bad("a part has at most %d bytes", "the next part starts after a whole number of "+unit.Name, "use a smaller unit", most)
		return
	}
	for _, f := range t.Forms {
		for i := range f.Segments {
			s := &f.Segments[i]
			if s.Bulk != t.Split.Bulk {
				continue
			}
			grain := s.Elem.Segment.Unit.Bytes
			if grain%unit.Bytes != 0 && unit.Bytes%grain != 0 {
				bad("its pieces have %d bytes, and `%s` counts %d", "the parts would start elsewhere than it says", "use units of which one is a multiple of the other",
					grain, t.Split.Start.Name, unit.Bytes)
				return
			}
			if int64(s.Max)*schema.PageSize < unit.Bytes {
				bad("form `%s` carries less than `%s` counts", "the next part starts after a whole number of "+unit.Name, "use a smaller unit", f.Name, t.Split.Start.Name)
				return
			}
		}
	}
}
