package resolve

import (
	"maps"
	"slices"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// allCalls resolves transactions and messages, on the file's own rings or on ones that the compiler draws.
func (r *resolver) allCalls() {
	r.findStatus()
	if r.drawn == nil && !r.anyBody() && !slices.Contains(slices.Collect(maps.Values(r.file.Broken)), "ring") {
		r.choose()
		return
	}
	for _, d := range r.file.Decls {
		switch {
		case d.Transaction != nil:
			r.mods(d, "transaction")
			r.transaction(d.Transaction, syntax.DocText(d.Doc))
		case d.Message != nil:
			r.mods(d, "message")
			r.message(d.Message, syntax.DocText(d.Doc))
		}
	}
	r.clashes()
	r.follow()
}

func (r *resolver) anyBody() bool {
	for _, d := range r.file.Decls {
		if d.Transaction != nil && d.Transaction.Body != nil || d.Message != nil && d.Message.Body != nil {
			return true
		}
	}
	return false
}

func (r *resolver) findStatus() {
	for _, e := range r.p.Enums {
		if !e.Status {
			continue
		}
		if r.p.Status != nil {
			r.diags.Add(diag.StatusRoles, e.Pos, "a second status").Note(r.p.Status.Pos, "the first is here").
				Because("all transactions of a protocol end alike").Try("merge them, or make one a plain enum")
			continue
		}
		r.p.Status = e
	}
}

// callName enters the name of a transaction or message.
func (r *resolver) callName(n *syntax.Name) bool {
	if prev, taken := r.calls[n.Text]; taken {
		r.duplicate(n, prev)
		return false
	}
	r.calls[n.Text] = n.Span()
	return true
}

func (r *resolver) transaction(d *syntax.Transaction, doc string) {
	if !r.callName(d.Name) {
		return
	}
	c := r.clauses(d.Clauses)
	t := &schema.Transaction{Name: d.Name.Text, Doc: doc, Pos: d.Name.Span(), Ring: r.soleRing(d.Name, c), Replay: c.replay,
		Quota: c.quota, Feature: c.feature, Option: r.option(d.Name, c), Since: c.since}
	r.numberless(c)
	if c.credit {
		r.diags.Add(diag.Direction, d.Name.Span(), "a transaction needs no credit").
			Because("its request is the slot that the response takes").Try("remove `credit`")
	}
	t.Params, t.Results = r.params(d.Params, false), r.params(d.Results, true)
	r.replayable(t, c)
	r.p.Transactions = append(r.p.Transactions, t)
	if !r.hasForm(d.Name, d.Body) || t.Ring == nil || !r.usable(t.Ring) {
		return
	}
	for _, item := range d.Body.Items {
		if item.Form == nil {
			continue
		}
		if r.formTwice(t.Forms, item.Form.Name) {
			continue
		}
		b := r.formOf(item, t.Ring, t.Params, d.Params, schema.Front, true)
		if b == nil {
			continue
		}
		r.response(b, item.Form, t.Results, d.Results)
		t.Forms = append(t.Forms, b.form)
		if item.Form.Then != nil {
			r.thens = append(r.thens, then{b.form, item.Form.Then})
		}
	}
	for _, item := range d.Body.Items {
		if item.Split != nil {
			r.split(t, item.Split)
		}
	}
	r.carried(t)
}

func (r *resolver) formTwice(forms []*schema.Form, n *syntax.Name) bool {
	for _, f := range forms {
		if f.Name == n.Text {
			r.duplicate(n, f.Pos)
			return true
		}
	}
	return false
}

// hasForm checks that a call in a protocol that draws its own rings is drawn, too.
func (r *resolver) hasForm(n *syntax.Name, body *syntax.Body) bool {
	if body != nil {
		for _, item := range body.Items {
			if item.Form != nil {
				return true
			}
		}
	}
	d := r.diags.Add(diag.MixedForms, n.Span(), "`%s` has no form", n.Text).
		Because("the compiler draws either everything or nothing, and here the file draws")
	d.Try("add `{ form direct STRUCT { ... } }`")
	if r.drawn != nil {
		d.Note(*r.drawn, "this ring is drawn by the file")
	}
	return false
}

// usable tells whether a ring was resolved without a mistake.
func (r *resolver) usable(ring *schema.Ring) bool {
	parts := r.rings[ring.Name]
	return parts == nil || !parts.bad
}

func (r *resolver) message(d *syntax.Message, doc string) {
	if !r.callName(d.Name) {
		return
	}
	c := r.clauses(d.Clauses)
	from, ok := r.side(d.From, schema.Front, schema.Back)
	if !ok {
		return
	}
	m := &schema.Message{Name: d.Name.Text, Doc: doc, Pos: d.Name.Span(), Ring: r.soleRing(d.Name, c), From: from,
		Quota: c.quota, Since: c.since, Params: r.params(d.Params, true)}
	r.numberless(c)
	r.p.Messages = append(r.p.Messages, m)
	r.credit(d.Name, m, c)
	r.oneWay(d.Name, c)
	if !r.hasForm(d.Name, d.Body) || m.Ring == nil || !r.usable(m.Ring) {
		return
	}
	for _, item := range d.Body.Items {
		switch {
		case item.Split != nil, m.Form != nil:
			r.diags.Add(diag.BadSplit, syntax.At(item.Pos, 1), "a message has one form and isn't split").
				Because("nothing comes back that could tell how much of it arrived").Try("make it a transaction")
		case item.Form.Then != nil:
			r.diags.Add(diag.BadModifier, item.Form.Then.Span(), "a message has no `then`").
				Because("nothing is answered after it").Try("remove `then %s`", item.Form.Then.Text)
		default:
			if b := r.formOf(item, m.Ring, m.Params, d.Params, from, false); b != nil {
				m.Form = b.form
			}
		}
	}
	if from == schema.Back && len(m.Ring.Requests) > 0 {
		m.Credit = m.Ring.Requests[0].Struct
	}
}
