package resolve

import (
	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// rings makes the rings with their keys, the response without results and the credit.
func (c *chooser) rings(ts []*syntax.Decl) {
	channel := c.key(schema.Front, "event-channel", "The event channel of all rings.", schema.Type{Kind: schema.Port, Size: 4})
	for _, d := range ts {
		fromBack := d.Message != nil && d.Message.From.Text == "back"
		switch {
		case fromBack && c.events == nil:
			c.makeEvents(channel)
		case !fromBack && c.requests == nil:
			c.makeRequests(channel)
		}
	}
	c.r.versionKeys()
}

func (c *chooser) makeRequests(channel *schema.Key) {
	p := c.r.p
	gref, order := schema.Type{Kind: schema.Gref, Size: 4}, schema.Type{Size: 4}
	ring := &schema.Ring{Name: "requests", Doc: "Requests and the answers to them.", Pos: p.Pos, Channel: channel}
	ring.RefKey = c.key(schema.Front, "ring-ref", "The page of a ring that has one.", gref)
	ring.RefsKey = c.key(schema.Front, "ring-ref%u", "The pages of a ring that has several.", gref)
	ring.Order = c.key(schema.Front, "ring-page-order", "How many pages the ring has, as a power of two.", order)
	ring.MaxOrder = c.key(schema.Back, "max-ring-page-order", "The most pages of the ring, as a power of two.", order)
	ring.Order.Default, ring.MaxOrder.Default = &schema.KeyDefault{}, &schema.KeyDefault{}
	ring.Order.MaxKey = ring.MaxOrder
	ring.SlotKey = c.r.slotKeys("slot-size")
	c.plain = c.record("response", "The answer to a request that has no results.", c.responseHead())
	ring.Responses = []*schema.Slot{c.slot(c.plain)}
	c.requests, p.Rings = ring, append(p.Rings, ring)
}

func (c *chooser) makeEvents(channel *schema.Key) {
	p := c.r.p
	ring := &schema.Ring{Name: "events", Doc: "Messages from the back, and the credit for them.", Pos: p.Pos, Channel: channel}
	ring.RefKey = c.key(schema.Front, "event-ring-ref", "The page of the ring of events.", schema.Type{Kind: schema.Gref, Size: 4})
	c.credit = c.record("credit", "Room for one message from the back.", []*schema.Field{c.id()})
	ring.Requests = []*schema.Slot{c.slot(c.credit)}
	c.events, p.Rings = ring, append(p.Rings, ring)
}

// key makes one of the ring's keys.
func (c *chooser) key(in schema.Side, name, doc string, t schema.Type) *schema.Key {
	return c.r.madeKey(in, name, doc, t)
}

// slot describes a struct's part in a ring.
func (c *chooser) slot(s *schema.Struct) *schema.Slot {
	slot := &schema.Slot{Struct: s, ID: to(s.Field("id"))}
	for _, tag := range []string{"operation", "form"} {
		if f := s.Field(tag); f != nil {
			slot.Tags = append(slot.Tags, to(f))
		}
	}
	return slot
}

func to(f *schema.Field) *schema.Path { return &schema.Path{Fields: []*schema.Field{f}} }

func (c *chooser) id() *schema.Field {
	return &schema.Field{Name: "id", Doc: "Couples request and response.", Pos: c.r.p.Pos, Type: &schema.Type{Size: 4}}
}

func (c *chooser) op() *schema.Field {
	t := &schema.Type{Kind: schema.EnumOf, Enum: c.operation, Size: 2}
	return &schema.Field{Name: "operation", Doc: "What it is.", Pos: c.r.p.Pos, Type: t}
}

func (c *chooser) requestHead() []*schema.Field {
	form := &schema.Field{Name: "form", Doc: "0: segments are in the slot; 1: in pages of their own.", Pos: c.r.p.Pos,
		Type: &schema.Type{Size: 2}}
	return []*schema.Field{c.op(), form, c.id()}
}

func (c *chooser) responseHead() []*schema.Field {
	t := &schema.Type{Kind: schema.EnumOf, Enum: c.status, Size: c.status.Size, Signed: c.status.Signed}
	return []*schema.Field{c.id(), {Name: "status", Doc: "How it ended.", Pos: c.r.p.Pos, Type: t}}
}

func (c *chooser) eventHead() []*schema.Field { return []*schema.Field{c.id(), c.op()} }

// record makes a struct that is laid out alike on every ABI.
func (c *chooser) record(name, doc string, fields []*schema.Field) *schema.Struct {
	s := &schema.Struct{Name: name, Doc: doc, Pos: c.r.p.Pos, Made: true}
	end := 0
	pad := func(align int) {
		if n := roundUp(end, align) - end; n > 0 {
			s.Fields = append(s.Fields, &schema.Field{Name: "pad", Pos: s.Pos, Pad: true,
				Type: &schema.Type{Kind: schema.Bytes, Size: 1, Max: n}})
			end += n
		}
	}
	for _, f := range fields {
		if prev := s.Field(f.Name); prev != nil {
			c.taken(f, prev)
			continue
		}
		pad(c.r.align(f.Type, schema.X86_64))
		s.Fields = append(s.Fields, f)
		end += c.r.size(f.Type, schema.X86_64)
	}
	pad(8)
	c.r.layout(s)
	c.made(name, &symbol{kind: "struct", strct: s})
	c.r.building[s] = done
	c.r.p.Structs = append(c.r.p.Structs, s)
	return s
}

func (c *chooser) taken(f, prev *schema.Field) {
	d := c.r.diags.Add(diag.DuplicateName, f.Pos, "`%s` is a name that the compiler needs", f.Name).
		Because("it puts a field of that name into the slot: %s", prev.Doc).Try("choose another name")
	if prev.Pos != c.r.p.Pos {
		d.Note(prev.Pos, "because of this")
	}
}
