package resolve

import (
	"slices"
	"strings"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// ringParts is a ring while its lines are read.
type ringParts struct {
	ring *schema.Ring
	decl *syntax.Ring
	tags []*syntax.Path
	id   *syntax.Path
	slot int64
	ok   bool
}

// allRings resolves the rings that the file draws.
func (r *resolver) allRings() {
	for _, d := range r.file.Decls {
		if d.Ring == nil {
			continue
		}
		at := d.Ring.Name.Span()
		if r.drawn == nil {
			r.drawn = &at
		}
		if r.mods(d, "ring", "stream")["stream"] {
			r.notGenerated(d.Ring.Name, "stream ring")
			continue
		}
		ring := &schema.Ring{Name: d.Ring.Name.Text, Doc: syntax.DocText(d.Doc), Pos: at}
		if prev := r.p.RingByName(ring.Name); prev != nil {
			r.duplicate(d.Ring.Name, prev.Pos)
			continue
		}
		r.p.Rings = append(r.p.Rings, ring)
		r.ring(&ringParts{ring: ring, decl: d.Ring})
	}
}

func (r *resolver) ring(parts *ringParts) {
	r.rings = append(r.rings, parts)
	before := r.diags.Len()
	for _, item := range parts.decl.Items {
		r.ringItem(parts, item)
	}
	r.ringComplete(parts)
	r.queueKeys(parts)
	if r.diags.Len() > before || len(parts.ring.Requests) == 0 || len(parts.ring.Responses) == 0 {
		return // a struct that couldn't be parsed has been complained about
	}
	r.slots(parts)
	if r.diags.Len() > before {
		return
	}
	r.echo(parts)
	r.stride(parts)
	parts.ok = r.diags.Len() == before
}

func (r *resolver) ringItem(parts *ringParts, item *syntax.RingItem) {
	ring := parts.ring
	switch {
	case item.Request != nil:
		ring.Requests = append(ring.Requests, r.slotStructs(item.Request)...)
	case item.Response != nil:
		ring.Responses = append(ring.Responses, r.slotStructs(item.Response)...)
	case item.Tags != nil:
		parts.tags = append(parts.tags, item.Tags...)
	case item.ID != nil:
		parts.id = item.ID
	case item.Channel != nil:
		ring.Channel = r.ringKey(item.Channel, schema.Front, schema.Port)
	case item.Kept != nil:
		ring.Persistent = r.ringKey(item.Kept, schema.Front, schema.Bool)
		r.ringKey(item.Kept, schema.Back, schema.Bool)
	case item.Slot != nil:
		parts.slot = r.within(item.Slot.Span(), "a slot", r.number(item.Slot, nil), 8, schema.PageSize-schema.RingHeader)
	case item.Pages != nil:
		r.ringPages(ring, item.Pages)
	case item.Queues != nil:
		r.ringQueues(ring, item.Queues)
	}
}

func (r *resolver) ringPages(ring *schema.Ring, d *syntax.RingPages) {
	ring.RefKey = r.ringKey(d.Ref, schema.Front, schema.Gref)
	if d.Refs != nil {
		ring.RefsKey = r.ringKey(d.Refs, schema.Front, schema.Gref)
		ring.Order = r.ringKey(d.Order, schema.Front, schema.Int)
		r.numbered(d.Refs)
	}
	if d.Max != nil {
		ring.MaxOrder = r.ringKey(d.Max, schema.Back, schema.Int)
	}
}

func (r *resolver) ringQueues(ring *schema.Ring, d *syntax.RingQueues) {
	ring.Queues = r.ringKey(d.Number, schema.Front, schema.Int)
	ring.MaxQueues = r.ringKey(d.Max, schema.Back, schema.Int)
	ring.QueuePrefix = d.Under.Value()
	r.numbered(d.Under)
}

// queueKeys checks that the keys of a ring with queues are per queue, those of others aren't, and that no other ring's
// pages are published by them.
func (r *resolver) queueKeys(parts *ringParts) {
	ring := parts.ring
	for _, item := range parts.decl.Items {
		var keys []*schema.Key
		switch {
		case item.Pages != nil:
			keys = []*schema.Key{ring.RefKey, ring.RefsKey}
		case item.Channel != nil:
			keys = []*schema.Key{ring.Channel}
		}
		for _, k := range keys {
			if k != nil && k.PerQueue != (ring.Queues != nil) {
				r.perQueue(syntax.At(item.Pos, len(ringLine(item))), k)
			}
		}
	}
	for _, other := range r.p.Rings {
		if other != ring && ring.RefKey != nil && other.RefKey == ring.RefKey {
			r.diags.Add(diag.DuplicateName, ring.Pos, "`%s` publishes the pages of two rings", ring.RefKey.Name).
				Note(other.Pos, "this is the other").Because("a page belongs to one ring").Try("give each a key of its own")
		}
	}
}

func (r *resolver) perQueue(at diag.Span, k *schema.Key) {
	d := r.diags.Add(diag.KeyPlace, at, "`%s` and this ring disagree about queues", k.Name).Note(k.Pos, "declared here")
	if k.PerQueue {
		d.Because("the key is per queue, and the ring has none").Try("add `queues` to the ring, or remove `per queue`")
	} else {
		d.Because("the ring has queues, and the key is not one for each").Try("add `per queue` to the key")
	}
}

func (r *resolver) numbered(s *syntax.Str) {
	if !strings.Contains(s.Value(), "%u") {
		r.diags.Add(diag.KeyName, s.Span(), "there is no number in this name").
			Because("there is one of it for each page or queue").Try("put `%%u` where the number goes")
	}
}

// ringKey finds a key that a ring is published by.
func (r *resolver) ringKey(s *syntax.Str, in schema.Side, kind schema.Kind) *schema.Key {
	k := r.keyIn(in, s.Value())
	if k == nil {
		if other := r.keyIn(otherSide(in), s.Value()); other != nil {
			r.diags.Add(diag.KeyPlace, s.Span(), "`%s` is in the directory of the %s", other.Name, other.In).
				Note(other.Pos, "declared here").Because("the %s publishes this", in).Try("move it to `keys from %s`", in)
			return nil
		}
		r.unknownAt(s.Span(), s.Value(), "key of the "+string(in), r.keyNames(in))
		return nil
	}
	if k.Type.Kind != kind {
		r.diags.Add(diag.KeyValue, s.Span(), "`%s` is a %s", k.Name, k.Type).Note(k.Pos, "declared here").
			Because("a key of type %s is needed here", kindName(kind)).Try("change its type to %s", kindName(kind))
		return nil
	}
	return k
}

func kindName(k schema.Kind) string {
	if k == schema.Int {
		return "u32"
	}
	return k.String()
}

func (r *resolver) slotStructs(names []*syntax.Name) (slots []*schema.Slot) {
	for _, n := range names {
		if s := r.find(n, "struct", func(s *symbol) bool { return s.strct != nil }); s != nil {
			slots = append(slots, &schema.Slot{Struct: s.strct})
		}
	}
	return slots
}

// ringComplete checks that a ring has what every ring needs.
func (r *resolver) ringComplete(parts *ringParts) {
	has := map[string]bool{}
	for _, item := range parts.decl.Items {
		line := ringLine(item)
		if has[line] {
			r.diags.Add(diag.DuplicateName, syntax.At(item.Pos, len(line)), "a second line `%s`", line).
				Note(parts.ring.Pos, "in this ring").Because("a ring has one").Try("put both into one line")
		}
		has[line] = true
	}
	for _, need := range []string{"request", "response", "id", "pages", "channel"} {
		if !has[need] {
			r.diags.Add(diag.RingShape, parts.ring.Pos, "ring `%s` has no `%s`", parts.ring.Name, need).
				Because("%s", ringNeeds[need]).Try("add a line `%s`", need)
		}
	}
}

var ringNeeds = map[string]string{
	"request":  "its slots hold requests",
	"response": "its slots hold responses",
	"id":       "a response finds its request by the id",
	"pages":    "the back finds its pages by a key",
	"channel":  "each end wakes the other by an event channel",
}

func ringLine(item *syntax.RingItem) string {
	switch {
	case item.Request != nil:
		return "request"
	case item.Response != nil:
		return "response"
	case item.Tags != nil:
		return "tag"
	case item.ID != nil:
		return "id"
	case item.Pages != nil:
		return "pages"
	case item.Queues != nil:
		return "queues"
	case item.Channel != nil:
		return "channel"
	case item.Kept != nil:
		return "persistent"
	}
	return "slot"
}

// slots finds id and tags in each layout, and checks that what tells the layouts apart doesn't move between them.
func (r *resolver) slots(parts *ringParts) {
	r.slotIDs(parts, parts.ring.Requests)
	r.slotIDs(parts, parts.ring.Responses)
	if len(parts.ring.Requests) > 1 && parts.tags == nil {
		r.diags.Add(diag.RingShape, parts.ring.Pos, "nothing tells the requests of ring `%s` apart", parts.ring.Name).
			Because("a slot may hold %d different structs", len(parts.ring.Requests)).Try("add a line `tag` with the field that does")
		return
	}
	for i, p := range parts.tags {
		found := r.slotTags(p, parts.ring.Requests)
		if r.slotTags(p, parts.ring.Responses) == nil && found == nil {
			r.unknownAt(p.Span(), p.String(), "field of a slot", nil)
		}
		if i == 0 && len(found) < len(parts.ring.Requests) && len(found) > 0 {
			r.diags.Add(diag.RingShape, p.Span(), "not every request has a field `%s`", p).
				Because("the first tag tells which struct the slot holds").Try("name a field that all of them have")
		}
		if i == 0 {
			r.still(p, found)
		}
	}
}

func (r *resolver) slotIDs(parts *ringParts, slots []*schema.Slot) {
	var ids []*schema.Path
	for _, s := range slots {
		if s.ID = r.path(s.Struct, parts.id); s.ID == nil {
			return
		}
		if t := s.ID.Type(); t.Kind != schema.Int || t.BigEndian || s.ID.Bits != nil {
			r.diags.Add(diag.RingShape, parts.id.Span(), "`%s` can't be an id", parts.id).Note(s.ID.Leaf().Pos, "declared here").
				Because("an id is a plain integer").Try("give it the type u16, u32 or u64")
			return
		}
		ids = append(ids, s.ID)
	}
	r.still(parts.id, ids)
}

// still checks that a field is at the same place in all layouts of a slot.
func (r *resolver) still(p *syntax.Path, paths []*schema.Path) {
	for _, q := range paths[min(1, len(paths)):] {
		for _, a := range schema.ABIs {
			if q.Offset(a) != paths[0].Offset(a) || q.Type().Size != paths[0].Type().Size {
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
		if fieldNamed(s.Struct.Fields, p.Parts[0].Text) == nil {
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
	if len(parts.ring.Responses) == 0 {
		return
	}
	rsp := parts.ring.Responses[0]
	for _, req := range parts.ring.Requests {
		for _, f := range rsp.Struct.Fields {
			if src, ok := r.echoSource(f, rsp, req); ok {
				req.Echo = append(req.Echo, schema.Bind{Path: &schema.Path{Fields: []*schema.Field{f}}, Source: src})
			}
		}
	}
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
		if p.Parts[0].Text != "request" || fieldNamed(req.Struct.Fields, inner.Parts[0].Text) == nil {
			return src, false
		}
		path := r.path(req.Struct, inner)
		return schema.Source{Kind: schema.FromRequest, Path: path}, path != nil
	}
	return src, false
}

// stride computes the size of a slot, which is a C union of all its structs, and checks that a ring can be made of them.
func (r *resolver) stride(parts *ringParts) {
	ring := parts.ring
	for _, a := range schema.ABIs {
		align := 1
		for _, s := range slices.Concat(ring.Requests, ring.Responses) {
			ring.Stride[a] = max(ring.Stride[a], s.Struct.Size[a])
			align = max(align, s.Struct.Align[a])
		}
		ring.Stride[a] = roundUp(ring.Stride[a], align)
		if parts.slot > 0 {
			r.slotHolds(parts, a)
		}
	}
	if ring.Stride[schema.X86_64] > schema.PageSize-schema.RingHeader {
		r.diags.Add(diag.SlotSize, ring.Pos, "not one slot of ring `%s` fits into a page", ring.Name).
			Because("a slot takes %d bytes, and a page has %d beside the indices", ring.Stride[0], schema.PageSize-schema.RingHeader).
			Try("move long arguments into bulks")
	}
}

func (r *resolver) slotHolds(parts *ringParts, a schema.ABI) {
	ring := parts.ring
	if int64(ring.Stride[a]) > parts.slot {
		if a == schema.X86_64 {
			r.diags.Add(diag.SlotSize, ring.Pos, "a slot of ring `%s` doesn't fit into %d bytes", ring.Name, parts.slot).
				Because("its largest struct has %d", ring.Stride[a]).Try("write `slot %d` or more", ring.Stride[a])
		}
		return
	}
	ring.Stride[a] = int(parts.slot)
}
