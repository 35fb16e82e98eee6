package resolve

import (
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

// bitsOf is which bits of a field a path leads to, as a mask.
func bitsOf(p *schema.Path) uint64 {
	if p.Bits == nil {
		return 0
	}
	return p.Bits.Mask()
}
