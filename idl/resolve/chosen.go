package resolve

import (
	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// A protocol that draws no ring gets this one. All offsets are the same on every ABI, because each field is put at a
// multiple of its greatest alignment and each struct is padded to a multiple of 8.
//
//	            0            2            4            8
//	request     | operation  | form       | id         | arguments, in written order ...
//	response    | id                      | status     | results ...
//	event       | id                      | operation  | arguments ...
//	credit      | id                      | zero       |
//
// A bulk argument becomes a count and an array of segments; a long one has a second form, whose segments are in pages of their
// own. Events are messages from the back: they come in the responses of a second ring, whose requests are the credit.
const (
	directSegments  = 8 // of one bulk, in the slot
	maxSegmentPages = 8 // of one bulk, in the other form
	formDirect      = 0
	formIndirect    = 1
)

// chooser draws a protocol's ring.
type chooser struct {
	r         *resolver
	operation *schema.Enum
	segment   *schema.Struct
	status    *schema.Enum
	requests  *schema.Ring
	events    *schema.Ring
	plain     *schema.Struct // the response without results
	credit    *schema.Struct
	reserved  []schema.Reserved
	avoid     reservedSet
	numbers   map[int64]*schema.EnumValue
	newest    *schema.EnumValue // the first of those with the greatest `since`
}

// choose draws rings, structs, forms and keys for a protocol that has only signatures.
func (r *resolver) choose() {
	c := &chooser{r: r, numbers: map[int64]*schema.EnumValue{}}
	var ts []*syntax.Decl
	for _, d := range r.file.Decls {
		switch {
		case d.Transaction != nil, d.Message != nil:
			ts = append(ts, d)
		case d.Reserved != nil:
			c.reserved = append(c.reserved, r.reserved(d.Reserved, syntax.DocText(d.Doc))...)
		}
	}
	if len(ts) == 0 {
		return
	}
	r.p.Chosen = true
	c.fixed()
	c.avoid = sortReserved(c.reserved)
	c.types(ts)
	c.rings(ts)
	for _, d := range ts {
		if d.Transaction != nil {
			r.mods(d, "transaction")
			c.transaction(d.Transaction, syntax.DocText(d.Doc))
		} else {
			r.mods(d, "message")
			c.message(d.Message, syntax.DocText(d.Doc))
		}
	}
	c.finish()
}

// made enters a type that the compiler makes, in front of those of the file.
func (c *chooser) made(name string, s *symbol) {
	if prev := c.r.symbols[name]; prev != nil {
		c.r.diags.Add(diag.DuplicateName, prev.at, "`%s` is a name that the compiler needs", name).
			Because("it makes a type of that name for the ring that it draws").Try("choose another name")
		return
	}
	c.r.symbols[name] = s
}

func (c *chooser) types(ts []*syntax.Decl) {
	p := c.r.p
	c.operation = &schema.Enum{Name: "operation", Doc: "What a request or event is about.", Pos: p.Pos, Size: 2, Open: true,
		Reserved: c.reserved}
	c.made("operation", &symbol{kind: "enum", enum: c.operation})
	made := []*schema.Enum{c.operation}
	if c.status = p.Status; c.status == nil {
		c.status = standardStatus(p.Pos)
		c.made("status", &symbol{kind: "enum", enum: c.status})
		made, p.Status = append(made, c.status), c.status
	}
	p.Enums = append(made, p.Enums...)
	if anyBulk(ts) {
		c.segment = standardSegment(p.Pos)
		c.made("segment", &symbol{kind: "struct", strct: c.segment})
		c.r.layout(c.segment)
		c.segment.Segment.Unit = c.r.symbols["bytes"].unit
		p.Structs = append(p.Structs, c.segment)
	}
}

func anyBulk(ts []*syntax.Decl) bool {
	for _, d := range ts {
		if d.Transaction == nil {
			continue
		}
		for _, p := range d.Transaction.Params {
			if p.Bulk != nil {
				return true
			}
		}
	}
	return false
}

// standardStatus is the status of a protocol that declares none.
func standardStatus(at diag.Span) *schema.Enum {
	return &schema.Enum{Name: "status", Doc: "How a transaction ended.", Pos: at, Size: 2, Signed: true, Open: true, Status: true,
		Values: []*schema.EnumValue{
			{Name: "ok", Doc: "It did what it says.", Pos: at, Value: schema.Num(0), Roles: []schema.Role{schema.Success}},
			{Name: "failed", Doc: "The handler failed.", Pos: at, Value: schema.Num(-1), Roles: []schema.Role{schema.Failure}},
			{Name: "malformed", Doc: "The request broke a bound.", Pos: at, Value: schema.Num(-2), Roles: []schema.Role{schema.Malformed}},
			{Name: "unsupported", Doc: "The back doesn't know the request.", Pos: at, Value: schema.Num(-3),
				Roles: []schema.Role{schema.Unsupported}},
		}}
}

func standardSegment(at diag.Span) *schema.Struct {
	bytes := &schema.Unit{Name: "bytes", Bytes: 1}
	field := func(name, doc string, t schema.Type) *schema.Field {
		return &schema.Field{Name: name, Doc: doc, Pos: at, Type: &t}
	}
	s := &schema.Struct{Name: "segment", Doc: "A piece of one granted page.", Pos: at, Made: true, Fields: []*schema.Field{
		field("gref", "The page.", schema.Type{Kind: schema.Gref, Size: 4}),
		field("offset", "Where in the page the piece starts.", schema.Type{Size: 2, Unit: bytes}),
		field("length", "How long it is.", schema.Type{Size: 2, Unit: bytes}),
	}}
	s.Segment = &schema.Segment{Gref: s.Fields[0], First: s.Fields[1], Last: s.Fields[2], Unit: bytes}
	return s
}

// mostOperation is the greatest number that the slots have room for.
const mostOperation = 1<<16 - 1

// number gives a call its operation.
func (c *chooser) number(n *syntax.Name, doc string, cl clauses) *schema.EnumValue {
	r := c.r
	v := &schema.EnumValue{Name: n.Text, Doc: doc, Pos: n.Span(), Since: cl.since}
	var number int64
	if cl.number != nil {
		number = r.within(cl.number.Span(), "an operation", r.number(cl.number, nil), 0, mostOperation)
		v.Pos = cl.number.Span()
		r.notReserved(v.Pos, v.Name, schema.Num(number), c.avoid)
	} else {
		if number = c.next(); number > mostOperation {
			r.diags.Add(diag.OutOfRange, v.Pos, "no number is left for `%s`", v.Name).
				Because("operations are numbered upwards, and %d is the last", mostOperation).Try("give it a free one: `number 1`, for instance")
		}
		c.renumbered(v)
	}
	v.Value = schema.Num(number)
	if prev := c.numbers[number]; prev != nil {
		r.diags.Add(diag.DuplicateValue, v.Pos, "%d is `%s` already", v.Value, prev.Name).Note(prev.Pos, "declared here").
			Because("a receiver couldn't tell them apart").Try("write another `number`")
	} else {
		c.numbers[number] = v
	}
	c.operation.Values = append(c.operation.Values, v)
	if c.newest == nil || v.Since > c.newest.Since {
		c.newest = v
	}
	return v
}

// renumbered complains about a call that would get another number than in the version before, because a newer one is
// in front of it.
func (c *chooser) renumbered(v *schema.EnumValue) {
	if prev := c.newest; prev != nil && prev.Since > v.Since {
		c.r.diags.Add(diag.BadSince, v.Pos, "`%s` is older than `%s` before it, and has no number", v.Name, prev.Name).
			Note(prev.Pos, "since %d", prev.Since).
			Because("calls are numbered in written order, so it would have had another number before").
			Try("write `%s` behind it, or give both a `number`", prev.Name)
	}
}

// next is the number after the last, leaving out what is reserved. It may be too large.
func (c *chooser) next() int64 {
	n := int64(1)
	if list := c.operation.Values; len(list) > 0 {
		n = list[len(list)-1].Value.Int64() + 1
	}
	for n <= mostOperation {
		res := c.avoid.find(schema.Num(n))
		if res == nil {
			return n
		}
		n = min(res.Last.Int64(), mostOperation) + 1
	}
	return n
}

// finish computes what depends on all structs.
func (c *chooser) finish() {
	for _, ring := range []*schema.Ring{c.requests, c.events} {
		if ring != nil {
			c.r.stride(&ringParts{ring: ring})
		}
	}
}
