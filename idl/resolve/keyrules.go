package resolve

import (
	"strings"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// keyRelation handles what a key says about another.
func (r *resolver) keyRelation(k *schema.Key, a *syntax.KeyAttr) {
	switch {
	case a.Default != nil && a.Default.As != nil:
		if other := r.defaultKey(k, a.Default.As); other != nil {
			k.Default = &schema.KeyDefault{Key: other}
		}
	case a.UpTo != nil && a.UpTo.Key != nil:
		k.MaxKey = r.maxKey(k, a.UpTo.Key)
	case a.Range != nil && a.Range.Last.Key != nil:
		k.MaxKey = r.maxKey(k, a.Range.Last.Key)
	case a.Each != nil:
		r.each(k, a.Each)
	case a.Both:
		r.keyRule(k, a, schema.Agree)
	case a.Minimum:
		r.keyRule(k, a, schema.Minimum)
	}
}

// keyAnywhere finds a key by name, in k's directory first.
func (r *resolver) keyAnywhere(k *schema.Key, s *syntax.Str) *schema.Key {
	for _, side := range []schema.Side{k.In, otherSide(k.In)} {
		if other := r.keyIn(side, s.Value()); other != nil {
			return other
		}
	}
	r.unknownAt(s.Span(), s.Value(), "key", r.keyNames(""))
	return nil
}

func otherSide(s schema.Side) schema.Side {
	if s == schema.Front {
		return schema.Back
	}
	return schema.Front
}

// keyNames lists the keys in a directory, or in both.
func (r *resolver) keyNames(in schema.Side) func() []string {
	return func() (names []string) {
		for _, k := range r.p.Keys {
			if in == "" || k.In == in {
				names = append(names, k.Name)
			}
		}
		return names
	}
}

func (r *resolver) sameKeyType(k, other *schema.Key, s *syntax.Str) bool {
	if k.Form != other.Form {
		r.diags.Add(diag.KeyValue, s.Span(), "`%s` is spelled as %s, `%s` as %s", k.Name, k.Form, other.Name, other.Form).
			Note(other.Pos, "declared here").Because("a value of one must be a value of the other").Try("give both the same type")
		return false
	}
	if d := r.sameUnit(s.Span(), other.Type.Unit, k.Type.Unit); d != nil {
		d.Note(other.Pos, "declared here")
		return false
	}
	return true
}

// keyCycle complains about defaults that lead back to where they start.
func (r *resolver) keyCycle(k *schema.Key, seen map[*schema.Key]progress) {
	var path []*schema.Key
	for at := k; at.Default != nil && at.Default.Key != nil && seen[at] != done; at = at.Default.Key {
		if seen[at] == begun {
			r.diags.Add(diag.Cycle, at.Pos, "the default of `%s` is its own", at.Name).
				Because("when all of these keys are absent, none has a value").Try("give one a number")
			at.Default = &schema.KeyDefault{}
			break
		}
		seen[at] = begun
		path = append(path, at)
	}
	for _, at := range path {
		seen[at] = done
	}
}

// defaultKey finds the key whose value an absent key has.
func (r *resolver) defaultKey(k *schema.Key, s *syntax.Str) *schema.Key {
	other := r.keyAnywhere(k, s)
	switch {
	case other == nil || !r.sameKeyType(k, other, s):
		return nil
	case other.In != k.In || other.From != k.From:
		r.diags.Add(diag.KeyPlace, s.Span(), "`%s` and `%s` aren't written by the same side into the same directory", k.Name, other.Name).
			Note(other.Pos, "declared here").Because("who reads one may not know the other yet").Try("name another key of the %s", k.From)
		return nil
	case other.Deprecated && !k.Deprecated:
		r.relied(s.Span(), other)
		return nil
	}
	least, most := keyBounds(k)
	if low, high := keyBounds(other); k.Form == schema.Decimal && (low.Cmp(least) < 0 || high.Cmp(most) > 0) {
		r.diags.Add(diag.KeyValue, s.Span(), "`%s` can't always be as `%s`", k.Name, other.Name).Note(other.Pos, "declared here").
			Because("one is from %d to %d, the other from %d to %d", least, most, low, high).Try("give both the same bounds")
		return nil
	}
	return other
}

// relied complains that something relies on a deprecated key.
func (r *resolver) relied(at diag.Span, k *schema.Key) {
	r.diags.Add(diag.KeyValue, at, "`%s` is deprecated", k.Name).Note(k.Pos, "declared here").
		Because("a deprecated key is understood, and nothing relies on it").Try("name another key, or remove `deprecated`")
}

func (r *resolver) maxKey(k *schema.Key, s *syntax.Str) *schema.Key {
	other := r.keyAnywhere(k, s)
	if other == nil || !r.keyNumeric(k, s.Span()) || !r.sameKeyType(k, other, s) {
		return nil
	}
	return other
}

// mostIndex is the highest number in a row of keys.
const mostIndex = 1 << 16

func (r *resolver) each(k *schema.Key, d *syntax.KeyRange) {
	k.First = r.within(d.First.Span(), "the first index", r.number(d.First, nil), 0, mostIndex)
	if !strings.Contains(k.Name, "%u") {
		r.diags.Add(diag.KeyName, d.First.Span(), "`%s` has no number in it", k.Name).Note(k.Pos, "declared here").
			Because("`each` numbers the keys of a row").Try("put `%%u` into the name")
		return
	}
	switch {
	case d.Last.Key == nil:
		k.LastIndex = r.within(d.Last.Number.Span(), "the last index", r.number(d.Last.Number, nil), max(k.First, 1), mostIndex)
	default:
		other := r.keyAnywhere(k, d.Last.Key)
		if other != nil && other.Form != schema.Decimal {
			r.keyNumeric(other, d.Last.Key.Span())
			return
		}
		k.Last = other
	}
}

func (r *resolver) keyRule(k *schema.Key, a *syntax.KeyAttr, rule schema.Rule) {
	at := syntax.At(a.Pos, len(rule))
	peer := r.keyIn(otherSide(k.In), k.Name)
	switch {
	case peer == nil:
		r.diags.Add(diag.KeyRule, at, "the other side has no `%s`", k.Name).
			Because("the rule compares what the two sides wrote under the same name").Try("declare it for the other side, too")
	case rule == schema.Agree && k.Form != schema.Flag, rule == schema.Minimum && k.Form != schema.Decimal, peer.Form != k.Form:
		r.diags.Add(diag.KeyRule, at, "`%s` can't be negotiated by `%s`", k.Name, rule).Note(peer.Pos, "the other side's is here").
			Because("`both` is for two flags, `minimum` for two numbers").Try("give both sides' keys that type")
	default:
		k.Rule, k.Peer, peer.Rule, peer.Peer = rule, peer, rule, k
	}
}
