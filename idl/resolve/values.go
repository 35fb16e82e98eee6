package resolve

import (
	"math"

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
			n, _ := r.number(size, nil)
			u.Bytes = r.within(size.Span(), "a unit", n, 1, 1<<30)
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
		return s.constant
	}
	s.busy = true
	if d.Const.Unit != nil {
		s.constant.Unit = r.unit(d.Const.Unit)
	}
	n, unit := r.number(d.Const.Value, nil)
	s.constant.Value = n
	if s.constant.Unit == nil {
		s.constant.Unit = unit
	} else if unit != nil {
		r.sameUnit(d.Const.Value.Span(), unit, s.constant.Unit)
	}
	s.busy, s.decl = false, nil
	return s.constant
}

// number evaluates a number or constant. In a place of an enum's type, the names of its values count too.
func (r *resolver) number(v *syntax.Value, in *schema.Enum) (int64, *schema.Unit) {
	if v.Name == nil {
		return r.literal(v)
	}
	if in != nil {
		if e := in.Value(v.Name.Text); e != nil {
			return e.Value, nil
		}
		if r.symbols[v.Name.Text] == nil {
			r.unknown(v.Name, "value of "+in.Name, valueNames(in))
			return 0, nil
		}
	}
	s := r.find(v.Name, "constant", func(s *symbol) bool { return s.constant != nil })
	if s == nil {
		return 0, nil
	}
	c := r.constant(s)
	return c.Value, c.Unit
}

func (r *resolver) literal(v *syntax.Value) (int64, *schema.Unit) {
	n, _ := syntax.ParseNumber(v.Number) // the scanner has checked it
	scale := map[string]int64{"": 1, "bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[v.Scale]
	if scale > 1 && (n < 0 || n > math.MaxInt64/scale) {
		r.diags.Add(diag.OutOfRange, v.Span(), "%s %s is too large", v.Number, v.Scale).
			Because("a number has 64 bits").Try("write a smaller one")
		return 0, nil
	}
	n *= scale
	if v.Minus {
		n = -n
	}
	if v.Scale != "" {
		return n, r.symbols["bytes"].unit
	}
	return n, nil
}

// within complains unless least <= n <= most, and returns n or the nearest bound.
func (r *resolver) within(at diag.Span, what string, n, least, most int64) int64 {
	if n >= least && n <= most {
		return n
	}
	r.diags.Add(diag.OutOfRange, at, "%s can't be %d", what, n).Because("it must be from %d to %d", least, most).
		Try("write a number in that range")
	return max(least, min(n, most))
}

// fits complains unless a scalar type can hold n.
func (r *resolver) fits(at diag.Span, n int64, size int, signed bool) {
	if size >= 8 {
		return
	}
	least, most := int64(0), int64(1)<<(8*size)-1
	if signed {
		least, most = -(int64(1) << (8*size - 1)), int64(1)<<(8*size-1)-1
	}
	if n < least || n > most {
		r.diags.Add(diag.OutOfRange, at, "%d doesn't fit", n).
			Because("the type holds %d to %d", least, most).Try("write a smaller number or use a wider type")
	}
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
