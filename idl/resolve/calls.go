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

// clauses is what follows a signature.
type clauses struct {
	replay, fail, credit bool
	idempotent           bool
	replayAt             diag.Span
	option               bool
	quota, since         int
	feature              *schema.Key
	ring                 *schema.Ring
	number               *syntax.Value
}

func (r *resolver) clauses(list []*syntax.Clause) (c clauses) {
	seen := map[string]bool{}
	for _, item := range list {
		if word := clauseWord(item); seen[word] {
			r.twice(syntax.At(item.Pos, len(word)), "`"+word+"`")
			continue
		} else {
			seen[word] = true
		}
		r.clause(&c, item)
		r.unkeptClause(item)
	}
	if seen["replay"] && seen["fail"] {
		r.diags.Add(diag.BadModifier, c.replayAt, "`replay` and `fail` can't both hold").
			Because("after a reconnect a transaction is either sent again or ended").Try("keep one")
	}
	return c
}

func (r *resolver) clause(c *clauses, item *syntax.Clause) {
	switch {
	case item.Replay:
		c.replay, c.idempotent, c.replayAt = true, item.Idempotent, syntax.At(item.Pos, len("replay"))
	case item.Fail:
		c.fail = true
	case item.Credit:
		c.credit = true
	case item.Option:
		c.option = true
	case item.Quota != nil:
		c.quota = int(r.within(item.Quota.Span(), "a quota", r.number(item.Quota, nil), 1, 1<<20))
	case item.When != nil:
		c.feature = r.featureKey(item.When)
	case item.On != nil:
		c.ring = r.onRing(item.On)
	case item.Number != nil:
		c.number = item.Number
	case item.Since != nil:
		c.since = r.since(item.Since, false, "")
	}
}

// clauseWord is the word that a clause begins with: there is one of each.
func clauseWord(item *syntax.Clause) string {
	switch {
	case item.Replay:
		return "replay"
	case item.Fail:
		return "fail"
	case item.Credit:
		return "credit"
	case item.Option:
		return "optional"
	case item.Quota != nil:
		return "quota"
	case item.When != nil:
		return "when"
	case item.On != nil:
		return "on"
	case item.Number != nil:
		return "number"
	}
	return "since"
}

// replayable checks that a transaction may be done twice.
func (r *resolver) replayable(t *schema.Transaction, c clauses) {
	if !c.replay {
		return
	}
	for _, p := range t.Params {
		if p.Bulk == nil || p.Bulk.From != schema.Both {
			continue
		}
		if !c.idempotent {
			r.diags.Add(diag.BadModifier, c.replayAt, "`%s` would be sent again with what the first time made of `%s`", t.Name, p.Name).
				Note(p.Pos, "it goes both ways").
				Because("after a reconnect, `replay` sends the front's buffer as it is then, and the back may have changed it").
				Try("remove `replay`, or write `replay idempotent` if that does no harm")
		}
		return
	}
	if c.idempotent {
		r.diags.Add(diag.BadModifier, c.replayAt, "`idempotent` says nothing about `%s`", t.Name).
			Because("it is for a bulk that goes both ways: the others are as they were").Try("write `replay`")
	}
}

func (r *resolver) onRing(n *syntax.Name) *schema.Ring {
	parts := r.rings[n.Text]
	if parts == nil {
		r.unknown(n, "ring", r.ringNames)
		return nil
	}
	return parts.ring
}

func (r *resolver) ringNames() (names []string) {
	for _, ring := range r.p.Rings {
		names = append(names, ring.Name)
	}
	return names
}

// featureKey finds the flag by which the back says that it knows something.
func (r *resolver) featureKey(s *syntax.Str) *schema.Key {
	k := r.keyIn(schema.Back, s.Value())
	if k == nil {
		r.unknownAt(s.Span(), s.Value(), "key of the back", r.keyNames(schema.Back))
		return nil
	}
	if k.Form != schema.Flag {
		r.diags.Add(diag.KeyValue, s.Span(), "`%s` isn't a flag", k.Name).Note(k.Pos, "declared here").
			Because("it says whether something is there").Try("name a key of type bool")
		return nil
	}
	if k.From != schema.Back {
		r.diags.Add(diag.KeyPlace, s.Span(), "`%s` is written by the %s", k.Name, k.From).Note(k.Pos, "declared here").
			Because("it is the back that says what it knows").Try("name a key of `keys from back`")
		return nil
	}
	if k.Deprecated {
		r.relied(s.Span(), k)
		return nil
	}
	return k
}

// soleRing is the ring of a call that names none.
func (r *resolver) soleRing(n *syntax.Name, c clauses) *schema.Ring {
	switch {
	case c.ring != nil:
		return c.ring
	case len(r.p.Rings) == 1:
		return r.p.Rings[0]
	case len(r.p.Rings) > 1 && len(r.file.Broken) == 0:
		r.diags.Add(diag.RingShape, n.Span(), "`%s` doesn't say on which ring it is", n.Text).
			Because("the protocol has %d", len(r.p.Rings)).Try("add `on` and the ring's name")
	}
	return nil
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

// carried checks that some form has room for as much of a bulk as the signature promises.
func (r *resolver) carried(t *schema.Transaction) {
	for _, p := range t.Params {
		if p.Bulk == nil || p.Bulk.Max == 0 || t.Split != nil && t.Split.Bulk == p {
			continue
		}
		most := int64(0)
		for _, f := range t.Forms {
			most = max(most, int64(f.MaxSegments(p))*schema.PageSize)
		}
		if most > 0 && p.Bulk.Max > most {
			r.diags.Add(diag.OutOfRange, p.Pos, "`%s` can't be as long as %d bytes", p.Name, p.Bulk.Max).
				Because("no form of `%s` has segments for more than %d", t.Name, most).
				Try("write `up to %d bytes`, or add a `split`", most)
		}
	}
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

func (r *resolver) numberless(c clauses) {
	if c.number != nil {
		r.diags.Add(diag.MixedForms, c.number.Span(), "there is nothing to number").
			Because("the forms of the file say by which tag this is recognised").Try("remove `number`")
	}
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

func (r *resolver) credit(n *syntax.Name, m *schema.Message, c clauses) {
	switch {
	case m.From == schema.Back && !c.credit:
		r.diags.Add(diag.Direction, n.Span(), "`%s` needs credit", n.Text).
			Because("a back can only answer, so the front must post a request for each message first").Try("add `credit`")
	case m.From == schema.Front && c.credit:
		r.diags.Add(diag.Direction, n.Span(), "`%s` needs no credit", n.Text).
			Because("the front posts requests whenever there is a free slot").Try("remove `credit`")
	}
}

func (r *resolver) oneWay(n *syntax.Name, c clauses) {
	if c.replay || c.fail {
		r.diags.Add(diag.BadModifier, n.Span(), "a message is neither replayed nor fails").
			Because("it is gone when it is sent").Try("make it a transaction, or remove the word")
	}
	if c.option {
		r.diags.Add(diag.BadModifier, n.Span(), "a message isn't `optional`").
			Because("whoever doesn't know it drops it").Try("remove `optional`")
	}
	if c.feature != nil {
		r.diags.Add(diag.BadModifier, n.Span(), "a message has no `when`").
			Because("whoever doesn't know it drops it").Try("remove `when`")
	}
}

// params resolves a list of arguments or results. Types that come from a form's field are still nil afterwards.
func (r *resolver) params(list []*syntax.Param, noBulk bool) (out []*schema.Param) {
	for _, d := range list {
		n := d.Path.Last()
		p := &schema.Param{Name: n.Text, Doc: syntax.DocText(d.Doc), Pos: n.Span(), Since: r.since(d.Since, false, "")}
		for _, prev := range out {
			if prev.Name == n.Text {
				r.duplicate(n, prev.Pos)
				p.Name = "" // of no further interest
			}
		}
		switch {
		case d.Bulk != nil:
			p.Bulk = r.bulk(d.Bulk)
			if noBulk {
				r.diags.Add(diag.Direction, p.Pos, "`%s` can't be a bulk", p.Name).
					Because("a bulk lasts as long as a transaction, so it is one of its arguments, whichever way the data go").
					Try("make it an argument of a transaction, `from back` if the back fills it")
				p.Bulk, p.Type = nil, &schema.Type{Size: 1}
			}
		case d.Type != nil:
			p.Type = r.paramType(d, p.Pos)
		}
		out = append(out, p)
	}
	return out
}

func (r *resolver) paramType(d *syntax.Param, at diag.Span) *schema.Type {
	if len(d.Path.Parts) > 1 {
		r.diags.Add(diag.WrongKind, d.Path.Span(), "`%s` has its type already", d.Path).
			Because("a path names a field of the form's struct").Try("remove the type")
	}
	if d.Type.Name.Text == "bulk" && r.symbols["bulk"] == nil {
		r.diags.Add(diag.Direction, d.Type.Span(), "nothing says which way the data of `%s` go", d.Path).
			Because("a bulk is read by the back, filled by it, or both").Try("write `bulk from front`, `bulk from back` or `bulk both ways`")
		return &schema.Type{Size: 1}
	}
	t := r.fieldType(d.Type, at)
	if t == nil {
		return &schema.Type{Size: 1}
	}
	if d.Type.Array != nil && d.Type.Array.Path() != nil && t.Count != nil || t.Pages != nil || t.Kind == schema.UnionOf {
		r.diags.Add(diag.WrongKind, d.Type.Span(), "an argument can't refer to other fields").
			Because("it stands alone").Try("leave the count to the compiler, and make a union part of a struct")
		return &schema.Type{Size: 1}
	}
	return t
}

func (r *resolver) bulk(d *syntax.Bulk) *schema.Bulk {
	b := &schema.Bulk{}
	if d.Both {
		b.From = schema.Both
	} else {
		b.From, _ = r.side(d.From, schema.Front, schema.Back)
	}
	if d.Elem != nil {
		if s := r.find(d.Elem, "struct", func(s *symbol) bool { return s.strct != nil }); s != nil {
			b.Elem = s.strct
		}
	}
	if d.Max != nil {
		n := r.number(d.Max, nil)
		r.sameUnit(d.Max.Span(), n.unit, r.symbols["bytes"].unit)
		b.Max = r.within(d.Max.Span(), "a bulk", n, 1, 1<<30)
	}
	return b
}

func (r *resolver) split(t *schema.Transaction, d *syntax.Split) {
	bulk, start := paramNamed(t.Params, d.Bulk.Text), paramNamed(t.Params, d.Start.Text)
	switch {
	case bulk == nil || bulk.Bulk == nil:
		r.badSplit(d.Bulk, "is no bulk argument", "only a bulk can be too long")
	case start == nil || start.Type == nil || start.Type.Unit == nil || start.Type.Unit.Bytes == 0:
		r.badSplit(d.Start, "is no argument with a unit of so many bytes",
			"the next part starts where the last ended, counted in that unit")
	case t.Split != nil:
		r.badSplit(d.Bulk, "is split twice", "one bulk is advanced")
	default:
		t.Split = &schema.Split{Bulk: bulk, Start: start}
	}
}

func (r *resolver) badSplit(n *syntax.Name, what, why string) {
	r.diags.Add(diag.BadSplit, n.Span(), "`%s` %s", n.Text, what).Because("%s", why).
		Try("write `split BULK advancing ARGUMENT`")
}

func paramNamed(list []*schema.Param, name string) *schema.Param {
	for _, p := range list {
		if p.Name == name {
			return p
		}
	}
	return nil
}
