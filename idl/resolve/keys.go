package resolve

import (
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
				r.addKey(k)
				later = append(later, pending{k, item})
			}
		}
	}
	for _, l := range later {
		for _, a := range l.item.Attrs {
			r.keyRelation(l.key, a)
		}
	}
	cycles := map[*schema.Key]progress{}
	for _, l := range later {
		r.keyCycle(l.key, cycles)
		r.keyComplete(l.key)
	}
}

// keyPlace is where a key is.
type keyPlace struct {
	in   schema.Side
	name string
}

func (r *resolver) addKey(k *schema.Key) {
	r.p.Keys = append(r.p.Keys, k)
	r.keyIndex[keyPlace{k.In, k.Name}] = k
}

// keyIn finds a key in a side's directory, or nil.
func (r *resolver) keyIn(in schema.Side, name string) *schema.Key {
	return r.keyIndex[keyPlace{in, name}]
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
	r.unknown(n, "side", oneOf(names...))
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
	r.unknown(n, "state", oneOf(names...))
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
	if prev := r.keyIn(k.In, k.Name); prev != nil {
		r.diags.Add(diag.DuplicateName, k.Pos, "the %s's directory has `%s` already", k.In, k.Name).
			Note(prev.Pos, "declared here first").Because("an entry of the store has one meaning").Try("remove one of them")
		return nil
	}
	r.keyType(&k, item.Type)
	seen := map[string]bool{}
	kept := item.Attrs[:0:0]
	for _, a := range item.Attrs {
		if kind := attrKind(a); seen[kind] {
			r.twice(syntax.At(a.Pos, 1), kind)
			continue
		} else {
			seen[kind] = true
		}
		kept = append(kept, a)
		r.keyAttr(&k, a)
	}
	item.Attrs = kept
	return &k
}

// attrKind is what an attribute says: a key has one of each kind.
func attrKind(a *syntax.KeyAttr) string {
	switch {
	case a.Default != nil:
		return "`default`"
	case a.Optional:
		return "`optional`"
	case a.Deprecated:
		return "`deprecated`"
	case a.Both, a.Minimum:
		return "a rule"
	case a.By != nil:
		return "`by`"
	case a.PerQueue:
		return "`per queue`"
	case a.Each != nil:
		return "`each`"
	case a.Since != nil:
		return "`since`"
	}
	return "a bound"
}

// twice complains about something that is said again.
func (r *resolver) twice(at diag.Span, what string) {
	r.diags.Add(diag.BadModifier, at, "%s is there twice", what).
		Because("only one of them could count").Try("remove one of them")
}

// goodName tells whether a name may be a directory of the store.
func goodName(name string) bool { return goodKey(name) && !strings.ContainsAny(name, "/%") }

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
			if slices.Contains(k.OneOf, s.Value()) {
				r.diags.Add(diag.DuplicateValue, s.Span(), "`%s` is there already", s.Value()).
					Because("each value is listed once").Try("remove one of them")
			}
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
	case a.Range != nil && r.keyNumeric(k, a.Range.First.Span()):
		r.keyRange(k, a.Range)
	case a.UpTo != nil && a.UpTo.Number != nil && r.keyNumeric(k, a.UpTo.Number.Span()):
		if last, ok := r.keyNumber(k, a.UpTo.Number); ok {
			k.Max = &last
		}
	}
}

func (r *resolver) keyRange(k *schema.Key, d *syntax.KeyRange) {
	if first, ok := r.keyNumber(k, d.First); ok {
		k.Min = &first
	}
	if d.Last.Number == nil {
		return
	}
	if last, ok := r.keyNumber(k, d.Last.Number); ok {
		k.Max = &last
		if k.Min != nil && last.Cmp(*k.Min) < 0 {
			r.diags.Add(diag.OutOfRange, d.Last.Number.Span(), "the range %d to %d is empty", *k.Min, last).
				Because("the lesser number comes first").Try("write `%d to %d`", last, *k.Min)
			k.Min, k.Max = nil, nil
		}
	}
}

// keyNumber evaluates a number that a key may have, and tells whether it may.
func (r *resolver) keyNumber(k *schema.Key, v *syntax.Value) (schema.Number, bool) {
	n := r.number(v, k.Type.Enum)
	r.sameUnit(v.Span(), n.unit, k.Type.Unit)
	return n.Number, !n.bad && (!k.Type.Scalar() || r.fits(v.Span(), n, k.Type.Size, k.Type.Signed))
}

// keyNumeric complains unless a key has bounds.
func (r *resolver) keyNumeric(k *schema.Key, at diag.Span) bool {
	if k.Form == schema.Decimal {
		return true
	}
	r.diags.Add(diag.KeyValue, at, "`%s` isn't a number", k.Name).Note(k.Pos, "declared here").
		Because("only a decimal number has bounds, and this is spelled as %s", k.Form).Try("remove the bound, or make it a number")
	return false
}

func (r *resolver) keyLiteral(k *schema.Key, d *syntax.KeyDefault) {
	k.Default = &schema.KeyDefault{}
	switch {
	case k.Form == schema.Text && d.Text != nil:
		k.Default.Text = d.Text.Value()
		if k.OneOf != nil && !slices.Contains(k.OneOf, k.Default.Text) {
			r.unknownAt(d.Text.Span(), k.Default.Text, "value of "+k.Name, oneOf(k.OneOf...))
		}
	case k.Form != schema.Text && k.Form != schema.HexPair && d.Number != nil:
		n, ok := r.keyNumber(k, d.Number)
		if k.Default.Number = n; !ok {
			k.Default = nil // and that has been said
		}
		if k.Form == schema.Flag {
			r.within(d.Number.Span(), "a flag", value{Number: n, bad: !ok}, 0, 1)
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

// keyBounds is the least and the greatest number that a key may have.
func keyBounds(k *schema.Key) (least, most schema.Number) {
	if k.Form == schema.Flag {
		return schema.Number{}, schema.Num(1)
	}
	least, most = schema.Range(max(k.Type.Size, 1), k.Type.Signed)
	if k.Min != nil {
		least = *k.Min
	}
	if k.Max != nil {
		most = *k.Max
	}
	return least, most
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
	if d := k.Default; d != nil && d.Key == nil && k.Form == schema.Decimal {
		r.defaultFits(k)
	}
}

// defaultFits checks a default against what the key may be.
func (r *resolver) defaultFits(k *schema.Key) {
	n := k.Default.Number
	if least, most := keyBounds(k); !n.In(least, most) {
		r.diags.Add(diag.KeyValue, k.Pos, "`%s` can't be %d by default", k.Name, n).
			Because("it is from %d to %d", least, most).Try("correct the default, or the bound")
		return
	}
	switch t := k.Type; {
	case t.Kind == schema.EnumOf && !t.Enum.Open && !hasValue(t.Enum, n):
		r.diags.Add(diag.KeyValue, k.Pos, "%d is no value of `%s`", n, t.Enum.Name).Note(t.Enum.Pos, "declared here").
			Because("a closed enum has the values that it lists").Try("write one of these, or `open enum`")
	case t.Kind == schema.BitsOf && !t.Bits.Open && n.Bits()&^t.Bits.Mask() != 0:
		r.diags.Add(diag.KeyValue, k.Pos, "%d sets bits that `%s` doesn't have", n, t.Bits.Name).Note(t.Bits.Pos, "declared here").
			Because("bits without a name are zero").Try("write another default, or `open bits`")
	}
}

func hasValue(e *schema.Enum, n schema.Number) bool {
	return slices.ContainsFunc(e.Values, func(v *schema.EnumValue) bool { return v.Value == n })
}
