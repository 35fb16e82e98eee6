package resolve

import (
	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

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

func (r *resolver) numberless(c clauses) {
	if c.number != nil {
		r.diags.Add(diag.MixedForms, c.number.Span(), "there is nothing to number").
			Because("the forms of the file say by which tag this is recognised").Try("remove `number`")
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
