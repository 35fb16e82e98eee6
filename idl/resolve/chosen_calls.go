package resolve

import (
	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// shape is what one form of a signature becomes: the fields, and how they are filled.
type shape struct {
	fields   []*schema.Field
	binds    []schema.Bind
	segments []schema.SegmentBind
}

func (c *chooser) transaction(d *syntax.Transaction, doc string) {
	r := c.r
	if !r.callName(d.Name) {
		return
	}
	cl := c.clauses(d.Name, d.Clauses)
	t := &schema.Transaction{Name: d.Name.Text, Doc: doc, Pos: d.Name.Span(), Ring: c.requests, Replay: cl.replay,
		Quota: cl.quota, Feature: cl.feature, Option: r.option(d.Name, cl), Since: cl.since}
	t.Params, t.Results = c.params(d.Params, false), c.params(d.Results, true)
	r.replayable(t, cl)
	r.p.Transactions = append(r.p.Transactions, t)
	op := c.number(d.Name, doc, cl)
	rsp, reply := c.response(t)
	c.form(t, op, "direct", rsp, reply)
	if c.needsPages(t) {
		c.form(t, op, "indirect", rsp, reply)
	}
}

// clauses is like the resolver's, less what makes no sense here.
func (c *chooser) clauses(n *syntax.Name, list []*syntax.Clause) clauses {
	for _, item := range list {
		if item.On != nil {
			c.r.diags.Add(diag.MixedForms, item.On.Span(), "`%s` can't choose a ring", n.Text).
				Because("the file draws none").Try("remove `on %s`", item.On.Text)
			item.On = nil
		}
	}
	return c.r.clauses(list)
}

// params resolves a signature. Here every argument must have a type.
func (c *chooser) params(list []*syntax.Param, noBulk bool) []*schema.Param {
	out := c.r.params(list, noBulk)
	for i, p := range out {
		if p.Bulk != nil && p.Bulk.Max == 0 {
			c.r.diags.Add(diag.MissingBound, p.Pos, "nothing says how long `%s` may become", p.Name).
				Because("the compiler has to reserve room for its segments").Try("add `up to 1 MiB`, or what you need")
			p.Bulk.Max = schema.PageSize
		}
		c.appended(p, out[:i])
		if p.Name == "pad" {
			c.r.diags.Add(diag.DuplicateName, p.Pos, "`pad` is a name that the compiler needs").
				Because("a field of that name is always zero, and nobody sees it").Try("choose another name")
		}
		if p.Bulk == nil && p.Type == nil {
			c.r.diags.Add(diag.MixedForms, p.Pos, "`%s` has no type", p.Name).
				Because("the file draws no struct that could have a field of that name").Try("add its type")
			p.Type = &schema.Type{Size: 1}
		}
	}
	return out
}

// appended checks that what a later version adds comes behind what earlier ones have.
func (c *chooser) appended(p *schema.Param, before []*schema.Param) {
	for _, prev := range before {
		if prev.Since > p.Since {
			c.r.diags.Add(diag.BadSince, p.Pos, "`%s` is older than `%s` before it", p.Name, prev.Name).Note(prev.Pos, "since %d", prev.Since).
				Because("what is added goes behind what there was, so that older peers find that where it always was").
				Try("move `%s` in front of `%s`", p.Name, prev.Name)
			return
		}
	}
}

// fixed checks that the file's own structs don't grow: what comes behind one would move.
func (c *chooser) fixed() {
	for _, s := range c.r.p.Structs {
		for _, f := range s.Fields {
			if f.Since > 0 {
				c.r.diags.Add(diag.BadSince, f.Pos, "`%s.%s` can't be added later", s.Name, f.Name).
					Because("whatever comes behind a struct that grows would be elsewhere for older peers").
					Try("add an argument to the transactions that need it")
			}
		}
	}
}

// segmentsOf is how many pages a bulk touches when it starts anywhere in the first.
func segmentsOf(b *schema.Bulk) int { return int((b.Max+schema.PageSize-1)/schema.PageSize) + 1 }

func (c *chooser) needsPages(t *schema.Transaction) bool {
	for _, p := range t.Params {
		if p.Bulk != nil && segmentsOf(p.Bulk) > directSegments {
			return true
		}
	}
	return false
}

// form draws one form of a transaction.
func (c *chooser) form(t *schema.Transaction, op *schema.EnumValue, name string, rsp *schema.Struct, reply []schema.Bind) {
	indirect := name == "indirect"
	sh := &shape{fields: c.requestHead()}
	sh.match(op)
	tag, structName := int64(formDirect), t.Name+"_request"
	if indirect {
		tag, structName = formIndirect, t.Name+"_request_indirect"
	}
	sh.bind(sh.fields[1], schema.Source{Kind: schema.FromConst, Const: schema.Num(tag)})
	sh.bind(sh.fields[2], schema.Source{Kind: schema.FromID})
	for _, p := range t.Params {
		if p.Bulk == nil {
			sh.value(p)
		} else {
			c.bulkFields(sh, p, indirect)
		}
	}
	s := c.record(structName, "What "+t.Name+" asks for.", sh.fields)
	c.requests.Requests = append(c.requests.Requests, c.requestSlot(s))
	t.Forms = append(t.Forms, &schema.Form{Name: name, Pos: t.Pos, Request: s, Response: rsp, Match: sh.binds[:2],
		Set: sh.binds[2:], Reply: reply, Segments: sh.segments})
}

func (c *chooser) requestSlot(s *schema.Struct) *schema.Slot {
	slot := c.slot(s)
	slot.Echo = []schema.Bind{
		{Path: to(c.plain.Field("id")), Source: schema.Source{Kind: schema.FromID}},
		{Path: to(c.plain.Field("status")), Source: schema.Source{Kind: schema.FromStatus}},
	}
	return slot
}

// match binds the operation.
func (sh *shape) match(op *schema.EnumValue) {
	for _, f := range sh.fields {
		if f.Name == "operation" {
			sh.bind(f, schema.Source{Kind: schema.FromConst, Const: op.Value, Value: op})
		}
	}
}

func (sh *shape) bind(f *schema.Field, s schema.Source) {
	sh.binds = append(sh.binds, schema.Bind{Path: to(f), Source: s})
}

// value adds an argument or result that travels in the slot.
func (sh *shape) value(p *schema.Param) {
	t := *p.Type
	f := &schema.Field{Name: p.Name, Doc: p.Doc, Pos: p.Pos, Type: &t, Since: p.Since}
	if t.Count != nil {
		pair := withCount(f)
		sh.fields, p.Type = append(sh.fields, pair[0]), f.Type
	}
	sh.fields = append(sh.fields, f)
	sh.bind(f, schema.Source{Kind: schema.FromParam, Param: p})
}

// bulkFields adds the count and the segments of a bulk.
func (c *chooser) bulkFields(sh *shape, p *schema.Param, indirect bool) {
	count := &schema.Field{Name: p.Name + "_count", Doc: "How many segments " + p.Name + " has.", Pos: p.Pos,
		Type: &schema.Type{Size: 2}}
	n := segmentsOf(p.Bulk)
	f := &schema.Field{Name: p.Name, Doc: p.Doc, Pos: p.Pos}
	bind := schema.SegmentBind{Bulk: p, Count: to(count), Elem: c.segment}
	if indirect {
		perPage := schema.PageSize / c.segment.Size[schema.X86_64]
		pages := (n + perPage - 1) / perPage
		if pages > maxSegmentPages {
			most := (maxSegmentPages*perPage - 1) * schema.PageSize
			c.r.diags.Add(diag.OutOfRange, p.Pos, "`%s` can't be longer than %d bytes", p.Name, most).
				Because("%d pages of segments describe no more", maxSegmentPages).Try("split the data into several transactions")
			pages = maxSegmentPages
		}
		f.Type = &schema.Type{Kind: schema.ArrayOf, Elem: &schema.Type{Kind: schema.Gref, Size: 4}, Max: pages,
			Pages: &schema.Pages{Elem: c.segment, PerPage: perPage, Count: to(count)}}
		bind.Pages, bind.Max = pages, min(n, pages*perPage)
	} else {
		bind.Max = min(n, directSegments)
		f.Type = &schema.Type{Kind: schema.ArrayOf, Elem: &schema.Type{Kind: schema.StructOf, Struct: c.segment},
			Max: bind.Max, Count: to(count)}
	}
	sh.fields = append(sh.fields, count, f)
	bind.Array = to(f)
	sh.segments = append(sh.segments, bind)
}

// response draws the answer of a transaction.
func (c *chooser) response(t *schema.Transaction) (*schema.Struct, []schema.Bind) {
	sh := &shape{fields: c.responseHead()}
	if len(t.Results) == 0 {
		sh.fields = []*schema.Field{c.plain.Field("id"), c.plain.Field("status")}
	}
	sh.bind(sh.fields[0], schema.Source{Kind: schema.FromID})
	sh.bind(sh.fields[1], schema.Source{Kind: schema.FromStatus})
	if len(t.Results) == 0 {
		return c.plain, sh.binds
	}
	for _, p := range t.Results {
		sh.value(p)
	}
	s := c.record(t.Name+"_response", "What "+t.Name+" answers.", sh.fields)
	c.requests.Responses = append(c.requests.Responses, c.slot(s))
	return s, sh.binds
}

func (c *chooser) message(d *syntax.Message, doc string) {
	r := c.r
	from, ok := r.side(d.From, schema.Front, schema.Back)
	if !ok || !r.callName(d.Name) {
		return
	}
	cl := c.clauses(d.Name, d.Clauses)
	r.oneWay(d.Name, cl)
	m := &schema.Message{Name: d.Name.Text, Doc: doc, Pos: d.Name.Span(), From: from, Quota: cl.quota, Since: cl.since,
		Params: c.params(d.Params, true)}
	r.p.Messages = append(r.p.Messages, m)
	op := c.number(d.Name, doc, cl)
	m.Form = &schema.Form{Name: "direct", Pos: m.Pos}
	if from == schema.Back {
		c.event(m, op)
		return
	}
	if cl.credit {
		r.credit(d.Name, m, cl)
	}
	sh := &shape{fields: c.requestHead()}
	sh.match(op)
	sh.bind(sh.fields[1], schema.Source{Kind: schema.FromConst, Const: schema.Num(formDirect)})
	sh.bind(sh.fields[2], schema.Source{Kind: schema.FromID})
	for _, p := range m.Params {
		sh.value(p)
	}
	s := c.record(m.Name+"_message", "What "+m.Name+" says.", sh.fields)
	m.Ring, m.Form.Request, m.Form.Match, m.Form.Set = c.requests, s, sh.binds[:2], sh.binds[2:]
	c.requests.Requests = append(c.requests.Requests, c.requestSlot(s))
}

// event draws a message from the back.
func (c *chooser) event(m *schema.Message, op *schema.EnumValue) {
	sh := &shape{fields: c.eventHead()}
	sh.match(op)
	sh.bind(sh.fields[0], schema.Source{Kind: schema.FromID})
	for _, p := range m.Params {
		sh.value(p)
	}
	s := c.record(m.Name+"_event", "What "+m.Name+" says.", sh.fields)
	m.Ring, m.Credit, m.Form.Response = c.events, c.credit, s
	m.Form.Match, m.Form.Set = sh.binds[:1], sh.binds[1:]
	c.events.Responses = append(c.events.Responses, c.slot(s))
}
