package resolve

import (
	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// layout places the fields as a C compiler for each ABI does: each at the next multiple of its alignment, and the whole
// rounded up to the greatest alignment.
func (r *resolver) layout(s *schema.Struct) {
	for _, a := range schema.ABIs {
		end, align := 0, 1
		for _, f := range s.Fields {
			if !r.exists(f, a) {
				f.Offset[a] = -1
				continue
			}
			own := r.align(f.Type, a)
			if item := r.origin[f]; item != nil && item.At != nil {
				end = r.placed(f, item.At, end, own, a)
			} else {
				end = roundUp(end, own)
			}
			f.Offset[a], f.Size[a] = end, r.size(f.Type, a)
			end, align = end+f.Size[a], max(align, own)
			if end > maxStruct {
				r.tooLarge(s)
				return
			}
		}
		s.Size[a], s.Align[a] = roundUp(end, align), align
	}
}

func (r *resolver) tooLarge(s *schema.Struct) {
	r.diags.Add(diag.OutOfRange, s.Pos, "`%s` is larger than %d bytes", s.Name, maxStruct).
		Because("no slot of a ring can hold it").Try("move the data into a bulk argument")
}

// placed honours `at`.
func (r *resolver) placed(f *schema.Field, at *syntax.Value, end, align int, a schema.ABI) int {
	v, known := r.offsets[f]
	if !known {
		v = r.number(at, nil)
		r.offsets[f] = v
	}
	if v.bad || r.misplaced[f] {
		return roundUp(end, align)
	}
	if !r.speaks(a) && v.In(schema.Num(int64(end)), schema.Num(maxStruct)) {
		return int(v.Int64())
	}
	r.misplaced[f] = r.speaks(a) // unless it isn't
	switch {
	case !r.speaks(a):
		return roundUp(end, align)
	case !v.In(schema.Num(int64(end)), schema.Num(maxStruct)):
		d := r.diags.Add(diag.BadOffset, at.Span(), "`%s` can't be at %d", f.Name, v)
		if v.Cmp(schema.Num(maxStruct)) > 0 {
			d.Because("no struct is larger than %d bytes", maxStruct).Try("write `at %d`", roundUp(end, align))
		} else {
			d.Because("on %s the fields before it reach to %d", a, end).Try("write `at %d` or more", roundUp(end, align))
		}
		return roundUp(end, align)
	case v.Int64()%int64(align) != 0:
		r.diags.Add(diag.BadOffset, at.Span(), "`%s` can't be at %d", f.Name, v).
			Because("on %s its alignment is %d", a, align).
			Try("write `at %d`, or another multiple of %d", roundUp(int(v.Int64()), align), align)
		return roundUp(end, align)
	}
	delete(r.misplaced, f)
	return int(v.Int64())
}

// exists tells whether a field is there on an ABI, and checks the names once, for the first ABI.
func (r *resolver) exists(f *schema.Field, a schema.ABI) bool {
	item := r.origin[f]
	if item == nil || len(item.On) == 0 {
		return true
	}
	found := false
	for _, n := range item.On {
		abi, ok := schema.ABIByName(n.Text)
		if !ok && a == schema.X86_64 {
			r.unknown(n, "ABI", oneOf("x86_64", "x86_32", "arm"))
		}
		found = found || ok && abi == a
	}
	return found
}

func (r *resolver) assertSize(s *schema.Struct, v *syntax.Value) {
	n := r.number(v, nil)
	for _, a := range schema.ABIs {
		if !n.bad && schema.Num(int64(s.Size[a])) != n.Number && r.speaks(a) {
			r.diags.Add(diag.SizeMismatch, v.Span(), "`%s` isn't %d bytes", s.Name, n).
				Because("on %s its fields take %d", a, s.Size[a]).Try("correct the size or add a pad")
			return
		}
	}
}

// speaks tells whether the protocol is spoken in an ABI.
func (r *resolver) speaks(a schema.ABI) bool {
	if r.p.Device.Independent {
		return true
	}
	for _, n := range r.p.Device.Names {
		if n.ABI == a {
			return true
		}
	}
	return false
}

// size is the size of a value in memory, in bytes.
func (r *resolver) size(t *schema.Type, a schema.ABI) int {
	switch t.Kind {
	case schema.StructOf:
		return t.Struct.Size[a]
	case schema.UnionOf:
		return t.Union.Size[a]
	case schema.ArrayOf:
		return min(t.Max*r.size(t.Elem, a), maxStruct+1)
	case schema.Bytes, schema.String:
		return t.Max
	}
	return t.Size
}

// align is the alignment of a value in memory, in bytes.
func (r *resolver) align(t *schema.Type, a schema.ABI) int {
	switch t.Kind {
	case schema.StructOf:
		return max(t.Struct.Align[a], 1)
	case schema.UnionOf:
		return max(t.Union.Align[a], 1)
	case schema.ArrayOf:
		return r.align(t.Elem, a)
	case schema.Bytes, schema.String:
		return 1
	case schema.Buffer:
		return 4
	}
	if t.Size == 8 {
		return a.MaxAlign()
	}
	return t.Size
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

// independence checks that a protocol that names no ABI, or whose layout the compiler chooses, is laid out alike on all.
func (r *resolver) independence() {
	if !r.p.Device.Independent && !r.p.Chosen || r.diags.Failed() {
		return
	}
	why, otherwise := "the protocol names no `abi`", ", or declare the ABIs"
	if !r.p.Device.Independent {
		why, otherwise = "the compiler chooses one layout for all", ""
	}
	unlike := func(at diag.Span, what string, size schema.PerABI, fix string, args ...any) {
		r.diags.Add(diag.LayoutDiffers, at, "%s the same size on every ABI", what).
			Because("on x86_64 it is %d bytes, on x86_32 %d, and %s", size[schema.X86_64], size[schema.X86_32], why).
			Try(fix+otherwise, args...)
	}
	for _, u := range r.p.Unions {
		if !u.Size.Same() && r.independent(u) {
			unlike(u.Pos, "`"+u.Name+"` hasn't", u.Size, "make its largest member a multiple of 8 bytes")
		}
	}
	for _, ring := range r.p.Rings {
		if !ring.Stride.Same() && r.p.Device.Independent {
			unlike(ring.Pos, "the slots of ring `"+ring.Name+"` haven't", ring.Stride,
				"write `slot %d`", roundUp(max(ring.Stride[schema.X86_64], ring.Stride[schema.X86_32]), 8))
		}
	}
	for _, s := range r.p.Structs {
		if s.Made || !r.independent(s) {
			continue // it differs only if a struct or union in it does
		}
		if f := differs(s); f != nil {
			r.diags.Add(diag.LayoutDiffers, f.Pos, "`%s.%s` isn't at the same place on every ABI", s.Name, f.Name).
				Because("on x86_64 it is at %d, on x86_32 at %d, and %s", f.Offset[schema.X86_64], f.Offset[schema.X86_32], why).
				Try("move 8-byte fields to multiples of 8 with a pad%s", otherwise)
		} else if !s.Size.Same() {
			unlike(s.Pos, "`"+s.Name+"` hasn't", s.Size, "add a pad at the end")
		}
	}
}

// independent tells whether a struct or union must be laid out alike on every ABI: everything in a protocol that names none,
// and what is in an argument or result of a layout that the compiler chooses.
func (r *resolver) independent(x any) bool {
	if r.p.Device.Independent {
		return true
	}
	if r.inCalls == nil {
		r.inCalls = map[any]bool{}
		for _, t := range r.p.Transactions {
			r.carry(t.Params)
			r.carry(t.Results)
		}
		for _, m := range r.p.Messages {
			r.carry(m.Params)
		}
	}
	return r.inCalls[x]
}

func (r *resolver) carry(list []*schema.Param) {
	for _, p := range list {
		r.carryType(p.Type)
	}
}

func (r *resolver) carryType(t *schema.Type) {
	var fields []*schema.Field
	var at any
	switch {
	case t == nil:
		return
	case t.Kind == schema.StructOf:
		fields, at = t.Struct.Fields, t.Struct
	case t.Kind == schema.UnionOf:
		fields, at = t.Union.Members, t.Union
	case t.Kind == schema.ArrayOf:
		r.carryType(t.Elem)
	}
	if at == nil || r.inCalls[at] {
		return
	}
	r.inCalls[at] = true
	for _, f := range fields {
		r.carryType(f.Type)
	}
}

func differs(s *schema.Struct) *schema.Field {
	for _, f := range s.Fields {
		if !f.Offset.Same() {
			return f
		}
	}
	return nil
}
