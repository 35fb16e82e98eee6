package resolve

import (
	"math/big"
	"strings"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// values computes constants, units, enums and bits, in the order of the file.
func (r *resolver) values() {
	for _, c := range r.p.Consts {
		r.constant(r.symbols[c.Name])
	}
	for _, u := range r.p.Units {
		if size := r.symbols[u.Name].decl.Unit.Size; size != nil {
			u.Bytes = r.within(size.Span(), "a unit", r.number(size, nil), 1, 1<<30)
		}
	}
	for _, e := range r.p.Enums {
		r.enum(e, r.symbols[e.Name].decl.Enum)
	}
	for _, b := range r.p.Bits {
		r.bits(b, r.symbols[b.Name].decl.Bits)
	}
}

// constant computes a constant, and those that it is made of first.
func (r *resolver) constant(s *symbol) *schema.Const {
	d := s.decl
	if d == nil {
		return s.constant
	}
	if s.busy {
		r.diags.Add(diag.Cycle, s.at, "`%s` is defined by itself", s.constant.Name).
			Because("its value needs its value").Try("give it a number")
		s.bad = true
		return s.constant
	}
	s.busy = true
	if d.Const.Unit != nil {
		s.constant.Unit = r.unit(d.Const.Unit)
	}
	v := r.number(d.Const.Value, nil)
	s.constant.Value, s.bad = v.Number, s.bad || v.bad
	if s.constant.Unit == nil {
		s.constant.Unit = v.unit
	} else if v.unit != nil {
		r.sameUnit(d.Const.Value.Span(), v.unit, s.constant.Unit)
	}
	s.busy, s.decl = false, nil
	return s.constant
}

// value is a number that the file writes.
type value struct {
	schema.Number
	unit *schema.Unit
	bad  bool // it is not known, and that has been said
}

// number evaluates a number or constant. In a place of an enum's type, the names of its values count too.
func (r *resolver) number(v *syntax.Value, in *schema.Enum) value {
	if v.Name == nil {
		return r.literal(v)
	}
	if in != nil {
		if e := r.enumValueNamed(in, v.Name.Text); e != nil {
			return value{Number: e.Value}
		}
		if r.symbols[v.Name.Text] == nil {
			r.unknown(v.Name, "value of "+in.Name, func() []string { return valueNames(in) })
			return value{bad: true}
		}
	}
	s := r.find(v.Name, "constant", func(s *symbol) bool { return s.constant != nil })
	if s == nil {
		return value{bad: true}
	}
	c := r.constant(s)
	return value{c.Value, c.Unit, s.bad}
}

// scales are the words that may follow a number.
var scales = map[string]int64{"": 1, "bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

func (r *resolver) literal(v *syntax.Value) (out value) {
	n, err := syntax.ParseNumber(v.Number)
	if err != nil {
		return value{bad: true} // the scanner has said so
	}
	n.Mul(n, big.NewInt(scales[v.Scale]))
	if v.Minus {
		n.Neg(n)
	}
	if v.Scale != "" {
		out.unit = r.symbols["bytes"].unit
	}
	var ok bool
	if out.Number, ok = schema.NumOf(n); !ok {
		text := strings.TrimSpace(v.Number + " " + v.Scale)
		if v.Minus {
			text = "-" + text
		}
		least, _ := schema.Range(8, true)
		_, most := schema.Range(8, false)
		r.diags.Add(diag.OutOfRange, v.Span(), "%s is too large", text).Because("a number has 64 bits, so it is from %d to %d", least, most).
			Try("write one in that range")
		out.bad = true
	}
	return out
}

// within complains unless least <= v <= most, and returns v or the nearest bound.
func (r *resolver) within(at diag.Span, what string, v value, least, most int64) int64 {
	switch {
	case v.bad:
		return least
	case v.In(schema.Num(least), schema.Num(most)):
		return v.Int64()
	}
	r.diags.Add(diag.OutOfRange, at, "%s can't be %d", what, v).Because("it must be from %d to %d", least, most).
		Try("write a number in that range")
	return max(least, min(v.Int64(), most))
}

// fits complains unless a scalar type can hold v, and tells whether it can.
func (r *resolver) fits(at diag.Span, v value, size int, signed bool) bool {
	least, most := schema.Range(size, signed)
	if v.bad || v.In(least, most) {
		return !v.bad
	}
	r.diags.Add(diag.OutOfRange, at, "%d doesn't fit", v).
		Because("the type holds %d to %d", least, most).Try("write a number in that range, or use a wider type")
	return false
}

func (r *resolver) unit(n *syntax.Name) *schema.Unit {
	s := r.find(n, "unit", func(s *symbol) bool { return s.unit != nil })
	if s == nil {
		return nil
	}
	return s.unit
}

// sameUnit complains when a value of one unit meets a place for another. A bare number goes anywhere.
func (r *resolver) sameUnit(at diag.Span, have, want *schema.Unit) *diag.Diagnostic {
	if have == want || have == nil {
		return nil
	}
	name := "a bare number"
	if want != nil {
		name = want.Name
	}
	return r.diags.Add(diag.UnitMismatch, at, "%s can't stand for %s", have.Name, name).
		Because("units are types, and nothing converts one into another").Try("use a value in %s", name)
}

func valueNames(e *schema.Enum) (names []string) {
	for _, v := range e.Values {
		names = append(names, v.Name)
	}
	return names
}

// intType finds the plain integer type that underlies an enum or bits.
func (r *resolver) intType(n *syntax.Name) schema.Type {
	t, ok := builtins[n.Text]
	if ok && t.Kind == schema.Int && !t.BigEndian {
		return t
	}
	r.diags.Add(diag.WrongKind, n.Span(), "`%s` can't underlie this", n.Text).
		Because("it is a number on the wire, so its type is one of u8 to u64 or i8 to i64").Try("write for instance `u16`")
	return schema.Type{Size: 8, Signed: true}
}
