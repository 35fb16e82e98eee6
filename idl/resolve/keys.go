package resolve

import (
	"math"
	"slices"
	"strings"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// keys resolves the store's entries: first each alone, then what they say about each other.
func (r *resolver) keys() {
	type pending struct {
		key  *schema.Key
		item *syntax.Key
	}
	var later []pending
	for _, d := range r.file.Decls {
		if d.Keys == nil {
			continue
		}
		r.mods(d, "keys")
		block, ok := r.keyBlock(d.Keys)
		if !ok {
			continue
		}
		for _, item := range d.Keys.Items {
			if k := r.key(block, item); k != nil {
				r.p.Keys = append(r.p.Keys, k)
				later = append(later, pending{k, item})
			}
		}
	}
	for _, l := range later {
		for _, a := range l.item.Attrs {
			r.keyRelation(l.key, a)
		}
		r.keyComplete(l.key)
	}
}

// keyBlock is what all keys of a block share.
func (r *resolver) keyBlock(d *syntax.Keys) (schema.Key, bool) {
	from, ok := r.side(d.From, schema.Front, schema.Back, schema.Toolstack)
	if !ok {
		return schema.Key{}, false
	}
	k := schema.Key{From: from, In: from, By: schema.Connected}
	switch {
	case d.In != nil:
		if k.In, ok = r.side(d.In, schema.Front, schema.Back); !ok {
			return k, false
		}
		if from != schema.Toolstack && k.In != from {
			r.diags.Add(diag.KeyPlace, d.In.Span(), "the %s can't write into the directory of the %s", from, k.In).
				Because("each side owns its directory, and only the toolstack writes both").Try("write `keys from %s`", from)
		}
	case from == schema.Toolstack:
		r.diags.Add(diag.KeyPlace, d.From.Span(), "nothing says in whose directory these keys are").
			Because("the toolstack writes into both").Try("write `keys from toolstack in back` or `in front`")
		return k, false
	}
	if d.By != nil {
		k.By = r.state(d.By)
	}
	return k, true
}

func (r *resolver) side(n *syntax.Name, allowed ...schema.Side) (schema.Side, bool) {
	var names []string
	for _, s := range allowed {
		if string(s) == n.Text {
			return s, true
		}
		names = append(names, string(s))
	}
	r.unknown(n, "side", names)
	return "", false
}

func (r *resolver) state(n *syntax.Name) schema.State {
	states := []schema.State{schema.Initialising, schema.InitWait, schema.Initialised, schema.Connected}
	var names []string
	for _, s := range states {
		if string(s) == n.Text {
			return s
		}
		names = append(names, string(s))
	}
	r.unknown(n, "state", names)
	return schema.Connected
}

func (r *resolver) key(block schema.Key, item *syntax.Key) *schema.Key {
	k := block
	k.Name, k.Doc, k.Pos = item.Name.Value(), syntax.DocText(item.Doc), item.Name.Span()
	if !goodKey(k.Name) {
		r.diags.Add(diag.KeyName, k.Pos, "the store can't hold a key of this name").
			Because("names are made of letters, digits and `-/_@`, without `/` at an end or twice; one `%%u` may stand for a number").
			Try("correct the name")
		return nil
	}
	if prev := r.p.KeyIn(k.In, k.Name); prev != nil {
		r.diags.Add(diag.DuplicateName, k.Pos, "the %s's directory has `%s` already", k.In, k.Name).
			Note(prev.Pos, "declared here first").Because("an entry of the store has one meaning").Try("remove one of them")
		return nil
	}
	r.keyType(&k, item.Type)
	for _, a := range item.Attrs {
		r.keyAttr(&k, a)
	}
	return &k
}

// goodKey follows the store's rules for paths (docs/misc/xenstore.txt).
func goodKey(name string) bool {
	plain := strings.Replace(name, "%u", "0", 1)
	if plain == "" || strings.HasPrefix(plain, "/") || strings.HasSuffix(plain, "/") || strings.Contains(plain, "//") {
		return false
	}
	return len(plain) <= 256 && !strings.ContainsFunc(plain, func(c rune) bool {
		return (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("-/_@", c)
	})
}

func (r *resolver) keyType(k *schema.Key, d *syntax.KeyType) {
	k.Type, k.Form = &schema.Type{Kind: schema.String}, schema.Text
	if d.OneOf != nil {
		for _, s := range d.OneOf {
			k.OneOf = append(k.OneOf, s.Value())
		}
		return
	}
	t := r.fieldType(&syntax.Type{Pos: d.Pos, Name: d.Name, Unit: d.Unit, Bound: unbounded(d.Name)}, k.Pos)
	if t == nil {
		return
	}
	k.Type = t
	switch {
	case t.Kind == schema.String:
		t.Count, t.Max = nil, 0
	case t.Kind == schema.Bool:
		k.Form = schema.Flag
	case t.Scalar():
		k.Form = schema.Decimal
	default:
		r.diags.Add(diag.WrongKind, d.Name.Span(), "the store can't hold `%s`", d.Name.Text).
			Because("it holds text: a number, a flag or a string").Try("write `u32`, `bool` or `string`")
	}
	if d.Hex || d.Pair {
		r.hex(k, d)
	}
}

// unbounded gives strings the bound that fieldType asks for; in the store it doesn't matter.
func unbounded(n *syntax.Name) *syntax.Value {
	if n.Text == "string" {
		return &syntax.Value{Pos: n.Pos, Number: "2048"}
	}
	return nil
}

func (r *resolver) hex(k *schema.Key, d *syntax.KeyType) {
	if k.Form != schema.Decimal {
		r.diags.Add(diag.WrongKind, d.Name.Span(), "`%s` isn't spelled in hexadecimal", d.Name.Text).
			Because("only a number is").Try("remove `hex`")
		return
	}
	k.Form = schema.Hex
	if d.Pair {
		k.Form = schema.HexPair
	}
}

// keyAttr handles what doesn't need the other keys.
func (r *resolver) keyAttr(k *schema.Key, a *syntax.KeyAttr) {
	switch {
	case a.Optional:
		k.Optional = true
	case a.Deprecated:
		k.Deprecated = true
	case a.PerQueue:
		k.PerQueue = true
	case a.By != nil:
		k.By = r.state(a.By)
	case a.Since != nil:
		k.Since = r.since(a.Since, false, "")
	case a.Default != nil && a.Default.As == nil:
		r.keyLiteral(k, a.Default)
	case a.Range != nil:
		r.keyNumeric(k, a.Range.First.Span())
		first, last := r.keyNumber(k, a.Range.First), int64(math.MaxInt64)
		if n := a.Range.Last.Number; n != nil {
			last = r.keyNumber(k, n)
			r.within(n.Span(), "the end of a range", last, first, math.MaxInt64)
			k.Max = &last
		}
		k.Min = &first
	case a.UpTo != nil && a.UpTo.Number != nil:
		last := r.keyNumber(k, a.UpTo.Number)
		k.Max = &last
		r.keyNumeric(k, a.UpTo.Number.Span())
	}
}

func (r *resolver) keyNumber(k *schema.Key, v *syntax.Value) int64 {
	n, unit := r.number(v, k.Type.Enum)
	r.sameUnit(v.Span(), unit, k.Type.Unit)
	if k.Type.Scalar() {
		r.fits(v.Span(), n, k.Type.Size, k.Type.Signed)
	}
	return n
}

func (r *resolver) keyNumeric(k *schema.Key, at diag.Span) bool {
	if k.Form == schema.Decimal || k.Form == schema.Hex {
		return true
	}
	r.diags.Add(diag.KeyValue, at, "`%s` isn't a number", k.Name).Note(k.Pos, "declared here").
		Because("only a number has bounds").Try("remove the bound, or make it a number")
	return false
}

func (r *resolver) keyLiteral(k *schema.Key, d *syntax.KeyDefault) {
	k.Default = &schema.KeyDefault{}
	switch {
	case k.Form == schema.Text && d.Text != nil:
		k.Default.Text = d.Text.Value()
		if k.OneOf != nil && !slices.Contains(k.OneOf, k.Default.Text) {
			r.unknownAt(d.Text.Span(), k.Default.Text, "value of "+k.Name, k.OneOf)
		}
	case k.Form != schema.Text && k.Form != schema.HexPair && d.Number != nil:
		k.Default.Number = r.keyNumber(k, d.Number)
		if k.Form == schema.Flag {
			r.within(d.Number.Span(), "a flag", k.Default.Number, 0, 1)
		}
	default:
		r.diags.Add(diag.KeyValue, syntax.At(d.Pos, 1), "this default is no value of `%s`", k.Name).Note(k.Pos, "declared here").
			Because("its values are spelled as %s", k.Form).Try("write a default of that kind")
	}
}

// keyRelation handles what a key says about another.
func (r *resolver) keyRelation(k *schema.Key, a *syntax.KeyAttr) {
	switch {
	case a.Default != nil && a.Default.As != nil:
		if other := r.keyAnywhere(k, a.Default.As); other != nil && r.sameKeyType(k, other, a.Default.As) {
			k.Default = &schema.KeyDefault{Key: other}
			r.keyCycle(k, a.Default.As)
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
		if other := r.p.KeyIn(side, s.Value()); other != nil {
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
func (r *resolver) keyNames(in schema.Side) (names []string) {
	for _, k := range r.p.Keys {
		if in == "" || k.In == in {
			names = append(names, k.Name)
		}
	}
	return names
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

func (r *resolver) keyCycle(k *schema.Key, s *syntax.Str) {
	slow := k
	for n := 0; slow != nil && slow.Default != nil && n <= len(r.p.Keys); n++ {
		if slow = slow.Default.Key; slow == k {
			r.diags.Add(diag.Cycle, s.Span(), "the default of `%s` is its own", k.Name).
				Because("when all of these keys are absent, none has a value").Try("give one a number")
			k.Default = &schema.KeyDefault{}
			return
		}
	}
}

func (r *resolver) maxKey(k *schema.Key, s *syntax.Str) *schema.Key {
	other := r.keyAnywhere(k, s)
	if other == nil || !r.keyNumeric(k, s.Span()) || !r.sameKeyType(k, other, s) {
		return nil
	}
	return other
}

func (r *resolver) each(k *schema.Key, d *syntax.KeyRange) {
	k.First, _ = r.number(d.First, nil)
	if !strings.Contains(k.Name, "%u") {
		r.diags.Add(diag.KeyName, d.First.Span(), "`%s` has no number in it", k.Name).Note(k.Pos, "declared here").
			Because("`each` numbers the keys of a row").Try("put `%%u` into the name")
		return
	}
	switch {
	case d.Last.Key == nil:
		last, _ := r.number(d.Last.Number, nil)
		k.LastIndex = r.within(d.Last.Number.Span(), "the last index", last, k.First, 1<<16)
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
	peer := r.p.KeyIn(otherSide(k.In), k.Name)
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

// keyComplete checks combinations.
func (r *resolver) keyComplete(k *schema.Key) {
	if k.Optional && k.Default != nil {
		r.diags.Add(diag.KeyValue, k.Pos, "`%s` is optional and has a default", k.Name).
			Because("with a default it always has a value").Try("remove `optional`")
	}
	if k.PerQueue && k.In != schema.Front {
		r.diags.Add(diag.KeyPlace, k.Pos, "`%s` can't be per queue", k.Name).
			Because("only the front publishes queues").Try("remove `per queue`")
	}
}
