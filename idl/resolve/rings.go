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
	at   diag.Span // of slot
	bad  bool      // it can't be used, and that has been said
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
		if prev := r.rings[ring.Name]; prev != nil {
			r.duplicate(d.Ring.Name, prev.ring.Pos)
			continue
		}
		r.p.Rings = append(r.p.Rings, ring)
		r.ring(&ringParts{ring: ring, decl: d.Ring})
	}
}

// ring resolves one ring. One that lacks what forms are made of is bad.
func (r *resolver) ring(parts *ringParts) {
	r.rings[parts.ring.Name] = parts
	for _, item := range parts.decl.Items {
		r.ringItem(parts, item)
		r.unkeptRing(parts.ring, item)
	}
	r.ringComplete(parts)
	r.queueKeys(parts)
	if parts.bad {
		return
	}
	if r.slots(parts); parts.bad {
		return
	}
	r.echo(parts)
	r.stride(parts)
}

func (r *resolver) ringItem(parts *ringParts, item *syntax.RingItem) {
	ring := parts.ring
	switch {
	case item.Request != nil:
		ring.Requests = append(ring.Requests, r.slotStructs(parts, item.Request)...)
	case item.Response != nil:
		ring.Responses = append(ring.Responses, r.slotStructs(parts, item.Response)...)
	case item.Tags != nil:
		parts.tags = append(parts.tags, item.Tags...)
	case item.ID != nil:
		parts.id = item.ID
	case item.Channel != nil:
		ring.Channel = r.ringKey(item.Channel, schema.Front, schema.Port)
	case item.Kept != nil:
		r.persistent(ring, item.Kept)
	case item.Slot != nil:
		parts.at = item.Slot.Span()
		parts.slot = r.within(item.Slot.Span(), "a slot", r.number(item.Slot, nil), 8, schema.PageSize-schema.RingHeader)
	case item.Sizes != nil:
		r.agreedSlots(parts, item.Sizes)
	case item.Pages != nil:
		r.ringPages(ring, item.Pages)
	case item.Queues != nil:
		r.ringQueues(ring, item.Queues)
	}
}

// agreedSlots reads `slot by "KEY"`.
func (r *resolver) agreedSlots(parts *ringParts, s *syntax.Str) {
	if !goodName(s.Value()) {
		r.diags.Add(diag.KeyName, s.Span(), "the store can't hold a key of this name").
			Because("names are made of letters, digits and `-_@`").Try("write for instance `slot by \"slot-size\"`")
		return
	}
	parts.at = s.Span()
	parts.ring.SlotKey = r.slotKeys(s.Value())
}

// persistent finds the flag by which both sides agree to keep pages mapped.
func (r *resolver) persistent(ring *schema.Ring, s *syntax.Str) {
	ring.Persistent = r.ringKey(s, schema.Front, schema.Bool)
	if back := r.ringKey(s, schema.Back, schema.Bool); back == nil || ring.Persistent == nil {
		ring.Persistent = nil
	}
}

func (r *resolver) ringPages(ring *schema.Ring, d *syntax.RingPages) {
	ring.RefKey = r.ringKey(d.Ref, schema.Front, schema.Gref)
	if d.Refs != nil {
		ring.RefsKey = r.rowKey(d.Refs, schema.Front, schema.Gref)
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
	if plain := strings.Replace(ring.QueuePrefix, "%u", "0", 1); !goodName(plain) {
		r.diags.Add(diag.KeyName, d.Under.Span(), "the store can't hold a directory of this name").
			Because("names are made of letters, digits and `-_@`, and one `%%u` stands for the queue's number").Try("write `\"queue-%%u\"`")
		return
	}
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
	for _, k := range []*schema.Key{ring.Order, ring.MaxOrder, ring.Queues, ring.MaxQueues} {
		if k != nil && k.PerQueue {
			r.diags.Add(diag.KeyPlace, k.Pos, "`%s` can't be per queue", k.Name).Note(ring.Pos, "this ring is published by it").
				Because("it is the same for all queues of a ring").Try("remove `per queue`")
		}
	}
	if ring.RefKey == nil {
		return
	}
	if other := r.refs[ring.RefKey]; other != nil {
		r.diags.Add(diag.DuplicateName, ring.Pos, "`%s` publishes the pages of two rings", ring.RefKey.Name).
			Note(other.Pos, "this is the other").Because("a page belongs to one ring").Try("give each a key of its own")
		return
	}
	r.refs[ring.RefKey] = ring
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
	k := r.rowKey(s, in, kind)
	if k != nil && strings.Contains(k.Name, "%u") {
		r.diags.Add(diag.KeyName, s.Span(), "`%s` is a row of keys", k.Name).Note(k.Pos, "declared here").
			Because("one key is needed here").Try("name a key without `%%u`")
		return nil
	}
	return k
}

// rowKey is ringKey for a key that may have a number in its name.
func (r *resolver) rowKey(s *syntax.Str, in schema.Side, kind schema.Kind) *schema.Key {
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
		r.diags.Add(diag.KeyValue, s.Span(), "`%s` is a %s", k.Name, keyTypeName(k)).Note(k.Pos, "declared here").
			Because("a key of type %s is needed here", kindName(kind)).Try("change its type to %s", kindName(kind))
		return nil
	}
	if k.Form == schema.Hex || k.Form == schema.HexPair {
		r.diags.Add(diag.KeyValue, s.Span(), "`%s` is spelled as %s", k.Name, k.Form).Note(k.Pos, "declared here").
			Because("rings are published by decimal numbers").Try("remove `hex` from the key")
		return nil
	}
	if k.From != in {
		r.diags.Add(diag.KeyPlace, s.Span(), "`%s` is written by the %s", k.Name, k.From).Note(k.Pos, "declared here").
			Because("the %s publishes this", in).Try("move it to `keys from %s`", in)
		return nil
	}
	return k
}

func keyTypeName(k *schema.Key) string {
	if k.Form == schema.Text {
		return "string"
	}
	return k.Type.String()
}

func kindName(k schema.Kind) string {
	if k == schema.Int {
		return "u32"
	}
	return k.String()
}

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
			parts.bad = parts.bad || need == "request" || need == "response" || need == "id"
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

// bitsOf is which bits of a field a path leads to, as a mask.
func bitsOf(p *schema.Path) uint64 {
	if p.Bits == nil {
		return 0
	}
	return p.Bits.Mask()
}
