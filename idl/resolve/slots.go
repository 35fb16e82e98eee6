package resolve

import (
	"slices"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

func (r *resolver) slotStructs(parts *ringParts, names []*syntax.Name) (slots []*schema.Slot) {
	seen := map[string]bool{}
	for _, n := range names {
		s := r.find(n, "struct", func(s *symbol) bool { return s.strct != nil })
		switch {
		case s == nil:
			parts.bad = true
		case seen[n.Text]:
			r.diags.Add(diag.DuplicateName, n.Span(), "`%s` is listed twice", n.Text).
				Because("a slot holds it or doesn't").Try("remove one of them")
		default:
			slots = append(slots, &schema.Slot{Struct: s.strct})
		}
		seen[n.Text] = true
	}
	return slots
}

// slots finds id and tags in each layout, and checks that what tells the layouts apart doesn't move between them.
func (r *resolver) slots(parts *ringParts) {
	if !r.slotIDs(parts, parts.ring.Requests) || !r.slotIDs(parts, parts.ring.Responses) {
		parts.bad = true
		return
	}
	if len(parts.ring.Requests) > 1 && parts.tags == nil {
		r.diags.Add(diag.RingShape, parts.ring.Pos, "nothing tells the requests of ring `%s` apart", parts.ring.Name).
			Because("a slot may hold %d different structs", len(parts.ring.Requests)).Try("add a line `tag` with the field that does")
		parts.bad = true
		return
	}
	seen := map[string]bool{}
	for i, p := range parts.tags {
		if seen[p.String()] {
			r.twice(p.Span(), "`"+p.String()+"`")
			parts.bad = true
			continue
		}
		seen[p.String()] = true
		found := r.slotTags(p, parts.ring.Requests)
		if r.slotTags(p, parts.ring.Responses) == nil && found == nil {
			r.unknownAt(p.Span(), p.String(), "field of a slot", nil)
			parts.bad = true
		}
		if i == 0 && len(found) < len(parts.ring.Requests) && len(found) > 0 {
			r.diags.Add(diag.RingShape, p.Span(), "not every request has a field `%s`", p).
				Because("the first tag tells which struct the slot holds").Try("name a field that all of them have")
			parts.bad = true
		}
		r.still(p, found)
	}
}

// slotIDs finds the id in each of some slots, and tells whether it is in all.
func (r *resolver) slotIDs(parts *ringParts, slots []*schema.Slot) bool {
	var ids []*schema.Path
	for _, s := range slots {
		if s.ID = r.path(s.Struct, parts.id); s.ID == nil {
			return false
		}
		if t := s.ID.Type(); t.Kind != schema.Int || t.BigEndian || s.ID.Bits != nil {
			r.diags.Add(diag.RingShape, parts.id.Span(), "`%s` can't be an id", parts.id).Note(s.ID.Leaf().Pos, "declared here").
				Because("an id is a plain integer").Try("give it the type u16, u32 or u64")
			return false
		}
		ids = append(ids, s.ID)
	}
	r.still(parts.id, ids)
	return true
}

// still checks that a field is at the same place in all layouts of a slot.
func (r *resolver) still(p *syntax.Path, paths []*schema.Path) {
	for _, q := range paths[min(1, len(paths)):] {
		for _, a := range schema.ABIs {
			if q.Offset(a) != paths[0].Offset(a) || q.Type().Size != paths[0].Type().Size || q.Leaf().Type.BigEndian != paths[0].Leaf().Type.BigEndian || bitsOf(q) != bitsOf(paths[0]) {
				r.diags.Add(diag.TagMoves, p.Span(), "`%s` isn't at the same place in every struct", p).
					Note(paths[0].Leaf().Pos, "at %d on %s here", paths[0].Offset(a), a).
					Note(q.Leaf().Pos, "at %d here", q.Offset(a)).
					Because("it is read before anyone knows which struct the slot holds").Try("align the structs")
				return
			}
		}
	}
}

func (r *resolver) slotTags(p *syntax.Path, slots []*schema.Slot) (found []*schema.Path) {
	for _, s := range slots {
		if r.fieldOf(s.Struct, p.Parts[0].Text) == nil {
			continue
		}
		if path := r.path(s.Struct, p); path != nil {
			s.Tags = append(s.Tags, path)
			found = append(found, path)
		}
	}
	return found
}

// echo finds how a request is answered that no handler sees.
func (r *resolver) echo(parts *ringParts) {
	rsp := parts.ring.Responses[0]
	for _, req := range parts.ring.Requests {
		for _, f := range r.echoed(rsp) {
			if src, ok := r.echoSource(f, rsp, req); ok {
				req.Echo = append(req.Echo, schema.Bind{Path: &schema.Path{Fields: []*schema.Field{f}}, Source: src})
			}
		}
	}
}

// echoed are the fields of a response that may be filled without a handler.
func (r *resolver) echoed(rsp *schema.Slot) (list []*schema.Field) {
	for _, f := range rsp.Struct.Fields {
		item := r.origin[f]
		if f == rsp.ID.Leaf() || f.Type.Kind == schema.EnumOf && f.Type.Enum.Status || item != nil && item.Source != nil {
			list = append(list, f)
		}
	}
	return list
}

func (r *resolver) echoSource(f *schema.Field, rsp, req *schema.Slot) (src schema.Source, ok bool) {
	item := r.origin[f]
	switch {
	case len(rsp.ID.Fields) == 1 && rsp.ID.Fields[0] == f:
		return schema.Source{Kind: schema.FromID}, true
	case f.Type.Kind == schema.EnumOf && f.Type.Enum.Status:
		return schema.Source{Kind: schema.FromStatus}, true
	case item != nil && item.Source != nil && item.Source.Path != nil && len(item.Source.Path.Parts) > 1:
		p := item.Source.Path
		inner := &syntax.Path{Pos: p.Pos, Parts: p.Parts[1:]}
		if p.Parts[0].Text != "request" || r.fieldOf(req.Struct, inner.Parts[0].Text) == nil {
			return src, false
		}
		path := r.path(req.Struct, inner)
		return schema.Source{Kind: schema.FromRequest, Path: path}, path != nil
	}
	return src, false
}

// stride computes the size of a slot, which is a C union of all its structs, and checks that a ring can be made of them on every
// ABI that the protocol is spoken in.
func (r *resolver) stride(parts *ringParts) {
	ring, said := parts.ring, false
	for _, a := range schema.ABIs {
		align := 1
		for _, s := range slices.Concat(ring.Requests, ring.Responses) {
			ring.Stride[a] = max(ring.Stride[a], s.Struct.Size[a])
			align = max(align, s.Struct.Align[a])
		}
		ring.Stride[a] = roundUp(ring.Stride[a], align)
		said = said || r.speaks(a) && !r.slotHolds(parts, a, align) // once is enough
		if parts.slot > 0 {
			ring.Stride[a] = int(parts.slot)
		}
	}
	if ring.SlotKey != nil {
		r.oneStride(ring)
	}
}

// oneStride gives slots whose size is published the same on all ABIs: the back says it before it knows what the front speaks.
func (r *resolver) oneStride(ring *schema.Ring) {
	most := 0
	for _, a := range schema.ABIs {
		if r.speaks(a) {
			most = max(most, ring.Stride[a])
		}
	}
	for _, a := range schema.ABIs {
		ring.Stride[a] = roundUp(most, 8)
	}
}

// slotHolds checks one ABI's slot.
func (r *resolver) slotHolds(parts *ringParts, a schema.ABI, align int) bool {
	const most = schema.PageSize - schema.RingHeader
	ring := parts.ring
	need := ring.Stride[a]
	switch {
	case need > most:
		r.diags.Add(diag.SlotSize, ring.Pos, "not one slot of ring `%s` fits into a page", ring.Name).
			Because("on %s a slot takes %d bytes, and a page has %d beside the indices", a, need, most).
			Try("move long arguments into bulks")
	case parts.slot > 0 && int64(need) > parts.slot:
		r.diags.Add(diag.SlotSize, parts.at, "a slot of ring `%s` doesn't fit into %d bytes", ring.Name, parts.slot).
			Because("on %s its largest struct has %d", a, need).Try("write `slot %d` or more", need)
	case parts.slot%int64(align) != 0:
		r.diags.Add(diag.SlotSize, parts.at, "a slot of %d bytes would put every other one out of line", parts.slot).
			Because("on %s the alignment of ring `%s`'s structs is %d", a, ring.Name, align).
			Try("write `slot %d`", roundUp(int(parts.slot), align))
	default:
		return true
	}
	return false
}
