package resolve

import (
	"slices"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

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
