package resolve

import (
	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// assign handles one `field = value` of a form.
func (b *binder) assign(d *syntax.Assign) {
	r := b.r
	target, p := b, d.Target
	if p.Parts[0].Text == "response" && len(p.Parts) > 1 && r.fieldOf(b.slot.Struct, "response") == nil {
		if b.rsp == nil {
			r.diags.Add(diag.Direction, p.Span(), "a message has no response").
				Because("it goes one way").Try("make it a transaction")
			return
		}
		target, p = b.rsp, &syntax.Path{Pos: p.Parts[1].Pos, Parts: p.Parts[1:]}
	}
	path := r.path(target.slot.Struct, p)
	if path == nil {
		return
	}
	src := d.Source
	if src.Path != nil && len(src.Path.Parts) == 1 {
		if param := paramNamed(b.params, src.Path.Parts[0].Text); param != nil && param.Bulk != nil {
			b.segments(path, p, param, src)
			return
		}
	}
	if src.Then != nil {
		r.diags.Add(diag.WrongKind, src.Span(), "only bulk arguments follow each other").
			Because("`then` puts segments behind segments").Try("name a bulk argument")
		return
	}
	if s, ok := b.source(path, src, target != b); ok && (target == b || b.r.answers(s, src.Span())) {
		target.add(path, s, p.Span())
	}
}

// answers checks that a back can know a value that its response is to have.
func (r *resolver) answers(s schema.Source, at diag.Span) bool {
	what := ""
	switch s.Kind {
	case schema.FromParam:
		what = "an argument"
	case schema.FromDevice:
		what = "the front's number of the device"
	case schema.FromLength:
		what = "the length of a bulk"
	default:
		return true
	}
	r.diags.Add(diag.Direction, at, "%s isn't what a response has", what).
		Because("a response has results, constants, and copies of the request's fields").Try("write `request.FIELD`, or make it a result")
	return false
}

// source resolves the value of a field that is no segment array.
func (b *binder) source(path *schema.Path, d *syntax.Source, inResponse bool) (s schema.Source, ok bool) {
	r, t := b.r, path.Type()
	switch {
	case d.LengthOf != nil:
		return b.lengthOf(path, d)
	case d.Number != nil:
		return b.constant(path, d.Span(), d.Number)
	case len(d.Path.Parts) > 1:
		return b.fromRequest(path, d.Path, inResponse)
	}
	n := d.Path.Parts[0]
	if t.Kind == schema.EnumOf && r.enumValueNamed(t.Enum, n.Text) != nil {
		v := r.enumValueNamed(t.Enum, n.Text)
		return schema.Source{Kind: schema.FromConst, Const: v.Value, Value: v}, true
	}
	if param := paramNamed(b.params, n.Text); param != nil {
		if param.Type == nil {
			return s, false
		}
		b.matchType(n.Span(), param, path)
		return schema.Source{Kind: schema.FromParam, Param: param}, true
	}
	if n.Text == "device" && r.symbols["device"] == nil {
		return b.device(path, n)
	}
	if t.Kind == schema.EnumOf && r.symbols[n.Text] == nil {
		r.unknown(n, "value of "+t.Enum.Name, func() []string { return valueNames(t.Enum) })
		return s, false
	}
	if r.symbols[n.Text] == nil {
		r.unknown(n, "argument or constant", func() []string {
			return append(paramNames(b.params), r.known(func(s *symbol) bool { return s.constant != nil })...)
		})
		return s, false
	}
	return b.constant(path, n.Span(), &syntax.Value{Pos: n.Pos, Name: n})
}

func paramNames(list []*schema.Param) (names []string) {
	for _, p := range list {
		names = append(names, p.Name)
	}
	return names
}

// constant checks a number against the field that it is for.
func (b *binder) constant(path *schema.Path, at diag.Span, v *syntax.Value) (schema.Source, bool) {
	t := path.Type()
	n := b.r.number(v, t.Enum)
	src := schema.Source{Kind: schema.FromConst, Const: n.Number}
	if !t.Scalar() {
		b.r.diags.Add(diag.TypeMismatch, at, "`%s` is %s, not a number", path, t).Note(path.Leaf().Pos, "declared here").
			Because("only a number can be given here").Try("give its parts values")
		return src, false
	}
	b.r.sameUnit(at, n.unit, t.Unit)
	if g := path.Bits; g != nil && g.Width < 63 {
		b.r.within(at, "`"+g.Name+"`", n, 0, 1<<g.Width-1)
	} else {
		b.r.fits(at, n, t.Size, t.Signed)
	}
	if t.Enum != nil {
		for _, v := range t.Enum.Values {
			if v.Value == n.Number {
				src.Value = v
			}
		}
	}
	return src, !n.bad
}

func (b *binder) device(path *schema.Path, n *syntax.Name) (schema.Source, bool) {
	if t := path.Type(); t.Kind != schema.Int || t.Unit != nil {
		b.r.diags.Add(diag.TypeMismatch, n.Span(), "`%s` can't hold the number of the device", path).
			Note(path.Leaf().Pos, "declared here").Because("it is a bare integer").Try("give the field the type u16 or u32")
	}
	return schema.Source{Kind: schema.FromDevice}, true
}

// fromRequest resolves `request.field`, which only a response can have.
func (b *binder) fromRequest(path *schema.Path, p *syntax.Path, inResponse bool) (s schema.Source, ok bool) {
	if p.Parts[0].Text != "request" || !inResponse {
		b.r.diags.Add(diag.Direction, p.Span(), "`%s` is no value that this field can have", p).
			Because("only a field of a response copies one of the request, as `request.FIELD`").Try("name an argument or a constant")
		return s, false
	}
	inner := &syntax.Path{Pos: p.Parts[1].Pos, Parts: p.Parts[1:]}
	from := b.r.path(b.slot.Struct, inner)
	if from == nil {
		return s, false
	}
	b.copies(p.Span(), path, from)
	return schema.Source{Kind: schema.FromRequest, Path: from}, true
}

func (b *binder) copies(at diag.Span, to, from *schema.Path) {
	have, want := from.Type(), to.Type()
	if have.Kind != want.Kind || have.Size != want.Size || have.Enum != want.Enum || !have.Scalar() {
		b.r.diags.Add(diag.TypeMismatch, at, "`%s` is %s, but `%s` is %s", to, want, from, have).
			Note(from.Leaf().Pos, "declared here").Because("a copy has the type of what it copies").Try("give both the same type")
	}
}

// lengthOf resolves `length of X`, where X is a bulk argument or the array that carries one.
func (b *binder) lengthOf(path *schema.Path, d *syntax.Source) (s schema.Source, ok bool) {
	t := path.Type()
	if t.Kind != schema.Int || t.Unit != nil && t.Unit.Bytes == 0 {
		b.r.diags.Add(diag.TypeMismatch, d.Span(), "`%s` can't hold a length", path).Note(path.Leaf().Pos, "declared here").
			Because("a length is a number of bytes, or of a unit of so many bytes").Try("give the field the type u32")
		return s, false
	}
	p := paramNamed(b.params, d.LengthOf.Text)
	if p == nil || p.Bulk == nil {
		b.r.unknown(d.LengthOf, "bulk argument", func() []string { return paramNames(b.params) })
		return s, false
	}
	return schema.Source{Kind: schema.FromLength, Param: p}, true
}

// defaultSource resolves what a struct says about its own field, in the context of this form.
func (b *binder) defaultSource(f *schema.Field, d *syntax.Source) (s schema.Source, ok bool) {
	path := &schema.Path{Fields: []*schema.Field{f}}
	if d.LengthOf != nil {
		for i := range b.form.Segments {
			if seg := &b.form.Segments[i]; seg.Array.Leaf().Name == d.LengthOf.Text && seg.After == nil {
				return schema.Source{Kind: schema.FromLength, Param: seg.Bulk}, true
			}
		}
		return s, false
	}
	if d.Path != nil && len(d.Path.Parts) > 1 {
		if b.form.Request == nil || d.Path.Parts[0].Text != "request" {
			return s, false // nothing to copy in this direction
		}
		req := &binder{r: b.r, slot: &schema.Slot{Struct: b.form.Request}}
		return req.fromRequest(path, d.Path, true)
	}
	return b.source(path, d, false)
}

// segments binds one or two bulk arguments to the array that carries their segments.
func (b *binder) segments(path *schema.Path, p *syntax.Path, bulk *schema.Param, d *syntax.Source) {
	first, ok := b.segmentArray(path, p)
	if !ok {
		return
	}
	first.Bulk = bulk
	b.addSegments(first, d.Path.Span())
	if d.Then == nil {
		return
	}
	next := paramNamed(b.params, d.Then.Text)
	if next == nil || next.Bulk == nil {
		b.r.unknown(d.Then, "bulk argument", func() []string { return paramNames(b.params) })
		return
	}
	second := first
	second.Bulk, second.After = next, bulk
	if second.Count = b.r.path(b.slot.Struct, d.Counted); second.Count != nil {
		b.addSegments(second, d.Then.Span())
	}
}

func (b *binder) addSegments(s schema.SegmentBind, at diag.Span) {
	for _, prev := range b.form.Segments {
		if prev.Bulk == s.Bulk || prev.Array.Equal(s.Array) && s.After == nil {
			b.r.diags.Add(diag.BoundTwice, at, "`%s` or its array is bound twice", s.Bulk.Name).Note(prev.Bulk.Pos, "with `%s`", prev.Bulk.Name).
				Because("an array carries one bulk, unless `then` puts another behind it").Try("remove one of them")
			return
		}
	}
	b.form.Segments = append(b.form.Segments, s)
}

// segmentArray checks that a field can carry segments.
func (b *binder) segmentArray(path *schema.Path, p *syntax.Path) (s schema.SegmentBind, ok bool) {
	t := path.Type()
	switch {
	case t.Kind == schema.ArrayOf && t.Pages != nil:
		s = schema.SegmentBind{Array: path, Count: inStruct(path, t.Pages.Count), Elem: t.Pages.Elem, Pages: t.Max,
			Max: b.r.inPages[t.Pages]}
	case t.Kind == schema.ArrayOf && t.Elem.Kind == schema.StructOf && t.Elem.Struct.Segment != nil && t.Count != nil:
		s = schema.SegmentBind{Array: path, Count: inStruct(path, t.Count), Elem: t.Elem.Struct, Max: t.Max}
	default:
		b.r.diags.Add(diag.TypeMismatch, p.Span(), "`%s` can't carry a bulk", p).Note(path.Leaf().Pos, "declared here").
			Because("a bulk is carried by a counted array of segments, or by grant references to pages of segments").
			Try("declare it as `SEGMENT[COUNT] up to N`")
		return s, false
	}
	return s, s.Count != nil
}

// inStruct turns the path of a count, which starts at the struct that holds the array, into one that starts where the
// array's path does.
func inStruct(array, count *schema.Path) *schema.Path {
	if count == nil {
		return nil
	}
	outer := array.Fields[:len(array.Fields)-1]
	return &schema.Path{Fields: append(append([]*schema.Field{}, outer...), count.Fields...), Bits: count.Bits}
}
