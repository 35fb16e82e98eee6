package resolve

import (
	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// maxStruct bounds the size of a struct, and so every offset: far more than a ring of any size can hold.
const maxStruct = 1 << 20

// structs resolves every struct and union, inner ones first.
func (r *resolver) structs() {
	for _, s := range r.p.Structs {
		r.strct(s, s.Pos)
	}
	for _, u := range r.p.Unions {
		r.union(u, u.Pos)
	}
}

// strct resolves s on behalf of the declaration at `at`, and reports whether it can be used.
func (r *resolver) strct(s *schema.Struct, at diag.Span) bool {
	switch r.building[s] {
	case done:
		return true
	case begun:
		r.containsItself(s.Name, s.Pos, at)
		return false
	}
	r.building[s] = begun
	d := r.symbols[s.Name].decl.Struct
	r.fields(s, d)
	for _, f := range s.Fields {
		r.references(s, f)
	}
	r.nest(s, s.Name, s.Pos, s.Fields)
	r.layout(s)
	if d.Kind == "segment" {
		r.segment(s, d)
	}
	if d.Size != nil {
		r.assertSize(s, d.Size)
	}
	r.building[s] = done
	return true
}

func (r *resolver) containsItself(name string, pos, at diag.Span) {
	r.diags.Add(diag.Cycle, at, "`%s` contains itself", name).Note(pos, "declared here").
		Because("its size would be infinite").Try("refer to the inner one by an id")
}

// fields creates the members, with the counts that the file leaves to the compiler.
func (r *resolver) fields(s *schema.Struct, d *syntax.Struct) {
	seen := map[string]*schema.Field{}
	for _, item := range d.Fields {
		if item.Covers != nil {
			if d.Kind != "segment" {
				r.diags.Add(diag.SegmentShape, syntax.At(item.Pos, len("covers")), "a struct covers nothing").
					Because("only a segment describes a piece of a page").Try("write `segment %s`", s.Name)
			}
			continue
		}
		f := r.field(item, s.Frozen, s.Name)
		if f.Type == nil {
			continue
		}
		if prev := seen[f.Name]; prev != nil && !f.Pad {
			r.duplicate(item.Name, prev.Pos)
			continue
		}
		seen[f.Name] = f
		if len(item.When) > 0 {
			r.diags.Add(diag.UnionTag, item.When[0].Span(), "a struct's field has no `when`").
				Because("all fields of a struct are there at once").Try("move it into a union")
		}
		if a := item.Type.Array; f.Type.Count != nil && (a == nil || a.Number == nil) {
			pair := withCount(f)
			if prev := seen[pair[0].Name]; prev != nil {
				r.countTaken(f, prev)
				continue
			}
			seen[pair[0].Name] = pair[0]
			s.Fields = append(s.Fields, pair...)
		} else {
			s.Fields = append(s.Fields, f)
		}
	}
}

// countTaken complains about the name that the compiler's count would have.
func (r *resolver) countTaken(f, prev *schema.Field) {
	r.diags.Add(diag.DuplicateName, f.Pos, "the count of `%s` would be called `%s`", f.Name, prev.Name).Note(prev.Pos, "declared here").
		Because("the compiler puts a field of that name in front of it").Try("rename one of them, or write `%s[%s]`", f.Name, prev.Name)
}

// field resolves one member by itself; what refers to other members comes later, in references.
func (r *resolver) field(item *syntax.Field, frozen bool, owner string) *schema.Field {
	f := &schema.Field{Name: item.Name.Text, Doc: syntax.DocText(item.Doc), Pos: item.Name.Span(),
		Pad: item.Name.Text == "pad", Placed: item.At != nil, NamesRequest: item.Names}
	f.Since = r.since(item.Since, frozen, owner)
	r.origin[f] = item
	r.unkeptField(f, item)
	f.Type = r.fieldType(item.Type, f.Pos)
	return f
}

// withCount puts a field that counts f's elements in front of it.
func withCount(f *schema.Field) []*schema.Field {
	count := countField(f)
	f.Type.Count = &schema.Path{Fields: []*schema.Field{count}}
	return []*schema.Field{count, f}
}

// countField makes the field that says how much of f is used.
func countField(f *schema.Field) *schema.Field {
	name, what, size := f.Name+"_len", "bytes", 2
	if f.Type.Kind == schema.ArrayOf {
		name, what = f.Name+"_count", "elements"
	}
	if f.Type.Max > 1<<16-1 {
		size = 4
	}
	return &schema.Field{Name: name, Doc: "How many " + what + " of " + f.Name + " are used.", Pos: f.Pos,
		Type: &schema.Type{Size: size}, Since: f.Since}
}

// references resolves what a field's type says about other fields of the same struct.
func (r *resolver) references(s *schema.Struct, f *schema.Field) {
	item := r.origin[f]
	if item == nil {
		return
	}
	t := f.Type
	if a := item.Type.Array; a != nil && a.Number != nil && t.Count != nil {
		t.Count = r.countPath(s, a.Path(), int64(t.Max))
	}
	if p := item.Type.Pages; p != nil && t.Pages != nil {
		t.Pages.Count = r.countPath(s, p.Count, int64(r.inPages[t.Pages]))
	}
	if item.Type.Tag != nil {
		r.tag(s, f, item.Type.Tag)
	} else if t.Kind == schema.UnionOf && t.Union.Tagged {
		r.diags.Add(diag.UnionTag, item.Type.Span(), "nothing says which member of `%s` is there", t.Union.Name).
			Note(t.Union.Pos, "its members have `when`").Because("a tagged union needs the field that holds the tag").
			Try("add `by` and the name of that field")
	}
}

// countPath finds the field that counts, and checks that it can.
func (r *resolver) countPath(s *schema.Struct, p *syntax.Path, most int64) *schema.Path {
	path := r.path(s, p)
	if path == nil {
		return nil
	}
	t := path.Type()
	if t.Kind != schema.Int || t.Signed || t.BigEndian {
		r.diags.Add(diag.BadCount, p.Span(), "`%s` can't count", p).Note(path.Leaf().Pos, "declared here").
			Because("a count is a plain unsigned integer").Try("give it the type u8, u16 or u32")
		return nil
	}
	if top := topOf(path); top < uint64(most) {
		r.diags.Add(diag.BadCount, p.Span(), "`%s` can't count to %d", p, most).Note(path.Leaf().Pos, "declared here").
			Because("it ends at %d", top).Try("widen it or lower the bound")
	}
	return path
}

// path follows names from a struct to a field or group of bits.
func (r *resolver) path(s *schema.Struct, p *syntax.Path) *schema.Path {
	fields, owner, name := s.Fields, any(s), s.Name
	out := &schema.Path{}
	var bits *schema.Bits
	for _, n := range p.Parts {
		if bits != nil {
			if out.Bits = bits.Group(n.Text); out.Bits == nil {
				r.unknown(n, "group of bits in "+bits.Name, func() []string { return groupNames(bits) })
				return nil
			}
			bits, fields, owner, name = nil, nil, nil, "a group of bits"
			continue
		}
		if fields == nil {
			r.diags.Add(diag.UnknownName, n.Span(), "there is no `%s` in `%s`", n.Text, name).
				Because("it isn't made of fields").Try("end the path before it")
			return nil
		}
		f := r.memberOf(owner, fields, n.Text)
		if f == nil {
			r.unknown(n, "field of "+name, func() []string { return fieldNames(fields) })
			return nil
		}
		out.Fields = append(out.Fields, f)
		fields, owner, name, bits = nil, nil, f.Name, nil
		switch t := f.Type; t.Kind {
		case schema.StructOf:
			fields, owner, name = t.Struct.Fields, t.Struct, t.Struct.Name
		case schema.UnionOf:
			fields, owner, name = t.Union.Members, t.Union, t.Union.Name
		case schema.BitsOf:
			bits = t.Bits
		}
	}
	return out
}

// fieldOf finds a field of a struct, or nil. The struct has all of its fields already.
func (r *resolver) fieldOf(s *schema.Struct, name string) *schema.Field {
	return r.memberOf(s, s.Fields, name)
}

// memberOf finds one of the fields of owner, a struct or union, that are visible.
func (r *resolver) memberOf(owner any, fields []*schema.Field, name string) *schema.Field {
	index := r.members[owner]
	if index == nil {
		index = make(map[string]*schema.Field, len(fields))
		for _, f := range fields {
			if !f.Pad {
				index[f.Name] = f
			}
		}
		r.members[owner] = index
	}
	return index[name]
}

func fieldNames(list []*schema.Field) (names []string) {
	for _, f := range list {
		if !f.Pad {
			names = append(names, f.Name)
		}
	}
	return names
}

func groupNames(b *schema.Bits) (names []string) {
	for _, g := range b.Groups {
		names = append(names, g.Name)
	}
	return names
}

// segment finds what a segment covers.
func (r *resolver) segment(s *schema.Struct, d *syntax.Struct) {
	var covers *syntax.Covers
	for _, item := range d.Fields {
		if item.Covers != nil && covers != nil {
			r.diags.Add(diag.DuplicateName, syntax.At(item.Pos, len("covers")), "a second `covers`").
				Note(covers.Left.Span(), "the first is here").
				Because("a segment describes one piece of one page").Try("remove one of them")
		}
		if item.Covers != nil {
			covers = item.Covers
		}
	}
	seg := &schema.Segment{}
	for _, f := range s.Fields {
		if f.Type.Kind == schema.Gref {
			seg.Gref = f
		}
	}
	if covers == nil || seg.Gref == nil {
		r.diags.Add(diag.SegmentShape, s.Pos, "`%s` doesn't say which piece of which page it is", s.Name).
			Because("a segment has a field of type gref, and a line `covers`").
			Try("add for instance `covers length from offset`")
		return
	}
	first, last := covers.Left, covers.Right
	if covers.Word == "from" {
		first, last = last, first
	}
	seg.Inclusive = covers.Word == "to"
	seg.First, seg.Last = r.segmentField(s, first), r.segmentField(s, last)
	if seg.First == nil || seg.Last == nil {
		return
	}
	seg.Unit = seg.First.Type.Unit
	if d := r.sameUnit(last.Span(), seg.Last.Type.Unit, seg.Unit); d != nil {
		d.Note(seg.First.Pos, "declared here")
	}
	if seg.Unit == nil || seg.Unit.Bytes == 0 {
		r.diags.Add(diag.SegmentShape, first.Span(), "`%s` measures nothing", first.Text).Note(seg.First.Pos, "declared here").
			Because("the place in the page must be in a unit that has a size").Try("add `in bytes`")
		return
	}
	s.Segment = seg
}

func (r *resolver) segmentField(s *schema.Struct, n *syntax.Name) *schema.Field {
	f := r.fieldOf(s, n.Text)
	if f == nil {
		r.unknown(n, "field of "+s.Name, func() []string { return fieldNames(s.Fields) })
		return nil
	}
	if f.Type.Kind != schema.Int || f.Type.Signed || f.Type.BigEndian {
		r.diags.Add(diag.SegmentShape, n.Span(), "`%s` can't be a place in a page", n.Text).Note(f.Pos, "declared here").
			Because("a place is a plain unsigned integer").Try("give it the type u8 or u16")
		return nil
	}
	return f
}
