package gen

import (
	"fmt"

	"github.com/xenidc/idc/idl/schema"
)

// at is a place in the slice b, as Go writes it: a constant, or a variable and a
// constant.
type at struct {
	base string // "" or a variable
	off  int
}

func (a at) String() string {
	if a.base == "" {
		return fmt.Sprint(a.off)
	}
	if a.off == 0 {
		return a.base
	}
	return fmt.Sprintf("%s+%d", a.base, a.off)
}

func (a at) plus(n int) at { return at{a.base, a.off + n} }

// order is the byte order of a scalar.
func order(t *schema.Type) string {
	if t.BigEndian {
		return "binary.BigEndian"
	}
	return "binary.LittleEndian"
}

// putScalar writes the number v to b.
func (g *generator) putScalar(t *schema.Type, a at, v string) {
	v = unsigned(g.goType(t), intType(t.Size, false), v)
	switch {
	case t.Kind == schema.Bool:
		g.out.line("if %s {", v)
		g.out.line("b[%s] = 1", a)
		g.out.line("}")
	case t.Size == 1:
		g.out.line("b[%s] = %s", a, v)
	default:
		g.out.line("%s.PutUint%d(b[%s:], %s)", order(t), 8*t.Size, a, v)
	}
}

// unsigned converts v to the type that encoding wants, if it isn't of it.
func unsigned(from, to, v string) string {
	if from == to || from == "bool" {
		return v
	}
	return to + "(" + v + ")"
}

// scalar is an expression for the number at a in b.
func (g *generator) scalar(t *schema.Type, a at) string {
	if t.Kind == schema.Bool {
		return fmt.Sprintf("b[%s] != 0", a)
	}
	v := fmt.Sprintf("b[%s]", a)
	if t.Size > 1 {
		v = fmt.Sprintf("%s.Uint%d(b[%s:])", order(t), 8*t.Size, a)
	}
	if typ := g.goType(t); typ != intType(t.Size, false) {
		v = typ + "(" + v + ")"
	}
	return v
}

// put writes the value v of any type to b. s is the struct that it is in.
func (g *generator) put(s *schema.Struct, t *schema.Type, a at, v string) {
	switch t.Kind {
	case schema.StructOf:
		g.out.line("%s.%s(b[%s:]%s)", v, g.method("put"), a, g.passABI(t.Struct))
	case schema.UnionOf, schema.Buffer:
		g.out.line("copy(b[%s:], %s[:])", a, v)
	case schema.Bytes, schema.String:
		g.putBytes(s, t, a, v)
	case schema.ArrayOf:
		g.putArray(s, t, a, v)
	default:
		g.putScalar(t, a, v)
	}
}

// putBytes writes bytes and, where they are counted, how many there are. Too many
// are a bug of the caller's, and cut.
func (g *generator) putBytes(s *schema.Struct, t *schema.Type, a at, v string) {
	switch {
	case t.Count != nil:
		count := t.Count.Leaf()
		g.putScalar(count.Type, at{off: count.Offset[g.abis[0].ABI]}, fmt.Sprintf("%s(copy(b[%s:%s], %s))", g.goType(count.Type), a, a.plus(t.Max), v))
	case t.Kind == schema.String:
		g.out.line("copy(b[%s:%s], %s)", a, a.plus(t.Max), v)
	default:
		g.out.line("copy(b[%s:], %s[:])", a, v)
	}
}

func (g *generator) putArray(s *schema.Struct, t *schema.Type, a at, v string) {
	size := g.sizeOf(t.Elem)
	if counted(t) {
		count := t.Count.Leaf()
		g.putScalar(count.Type, at{off: count.Offset[g.abis[0].ABI]}, fmt.Sprintf("%s(min(len(%s), %d))", g.goType(count.Type), v, t.Max))
		v = fmt.Sprintf("%s[:min(len(%s), %d)]", v, v, t.Max)
	}
	if t.Elem.Kind == schema.Int && t.Elem.Size == 1 && !t.Elem.Signed && g.goType(t.Elem) == "uint8" {
		if !counted(t) {
			v += "[:]"
		}
		g.out.line("copy(b[%s:], %s)", a, v)
		return
	}
	g.out.line("for i := range %s {", v)
	g.put(s, t.Elem, at{base: fmt.Sprintf("%s+%d*i", a, size)}, element(v))
	g.out.line("}")
}

// element is the i-th of a slice that may be written as a slice expression.
func element(v string) string {
	for i := range v {
		if v[i] == '[' {
			return v[:i] + "[i]"
		}
	}
	return v + "[i]"
}

// sizeOf is the size of an element, which is the same on all ABIs.
func (g *generator) sizeOf(t *schema.Type) int {
	switch t.Kind {
	case schema.StructOf:
		return t.Struct.Size[g.abis[0].ABI]
	case schema.UnionOf:
		return t.Union.Size[g.abis[0].ABI]
	case schema.Bytes, schema.String:
		return t.Max
	case schema.ArrayOf:
		return t.Max * g.sizeOf(t.Elem)
	case schema.Buffer:
		return schema.BufferSize
	}
	return t.Size
}

// get reads a value of any type from b into v, and clears ok if it is malformed.
func (g *generator) get(s *schema.Struct, t *schema.Type, a at, v string) {
	switch t.Kind {
	case schema.StructOf:
		if g.canFail(t.Struct) {
			g.out.line("ok = %s.%s(b[%s:]%s) && ok", v, g.method("get"), a, g.passABI(t.Struct))
		} else {
			g.out.line("%s.%s(b[%s:]%s)", v, g.method("get"), a, g.passABI(t.Struct))
		}
	case schema.UnionOf, schema.Buffer:
		g.out.line("copy(%s[:], b[%s:])", v, a)
	case schema.Bytes, schema.String:
		g.getBytes(t, a, v)
	case schema.ArrayOf:
		g.getArray(s, t, a, v)
	default:
		g.out.line("%s = %s", v, g.scalar(t, a))
		g.validate(t, v)
	}
}

func (g *generator) getBytes(t *schema.Type, a at, v string) {
	switch {
	case t.Count != nil:
		count := t.Count.Leaf()
		what := fmt.Sprintf("b[%s:%s+n:%s+n]", a, a, a)
		if t.Kind == schema.String {
			what = fmt.Sprintf("string(b[%s:%s+n])", a, a)
		}
		g.out.line("if n := int(%s); n <= %d {", g.scalar(count.Type, at{off: count.Offset[g.abis[0].ABI]}), t.Max)
		g.out.line("%s = %s", v, what)
		g.out.line("} else {")
		g.out.line("ok = false")
		g.out.line("}")
	case t.Kind == schema.String:
		g.out.line("%s = string(b[%s:%s])", v, a, a.plus(t.Max))
	default:
		g.out.line("copy(%s[:], b[%s:])", v, a)
	}
}

func (g *generator) getArray(s *schema.Struct, t *schema.Type, a at, v string) {
	size := g.sizeOf(t.Elem)
	closing := 1
	if counted(t) {
		count := t.Count.Leaf()
		g.out.line("if n := int(%s); n > %d {", g.scalar(count.Type, at{off: count.Offset[g.abis[0].ABI]}), t.Max)
		g.out.line("ok = false")
		g.out.line("} else {")
		g.out.line("%s = make(%s, n)", v, g.goType(t))
		closing++
	}
	if t.Elem.Kind == schema.Int && t.Elem.Size == 1 && g.goType(t.Elem) == "uint8" {
		g.out.line("copy(%s[:], b[%s:])", v, a)
		closing--
	} else {
		g.out.line("for i := range %s {", v)
		g.get(s, t.Elem, at{base: fmt.Sprintf("%s+%d*i", a, size)}, v+"[i]")
	}
	for range closing {
		g.out.line("}")
	}
}

// validate clears ok if a scalar has a value that its type doesn't know.
func (g *generator) validate(t *schema.Type, v string) {
	switch {
	case !checked(t):
	case t.Kind == schema.EnumOf:
		g.out.line("switch %s {", v)
		list := ""
		for i, e := range t.Enum.Values {
			if i > 0 {
				list += ", "
			}
			list += g.enumValue(t.Enum, e)
		}
		g.out.line("case %s:", list)
		g.out.line("default:")
		g.out.line("ok = false")
		g.out.line("}")
	case t.Kind == schema.BitsOf:
		g.out.line("ok = ok && %s&^%#x == 0", v, t.Bits.Mask())
	}
}

// checked reports whether a value of the type can be malformed.
func checked(t *schema.Type) bool {
	switch t.Kind {
	case schema.EnumOf:
		return !t.Enum.Open && !t.Enum.Status
	case schema.BitsOf:
		return !t.Bits.Open && t.Bits.Mask() != 1<<(8*t.Size)-1
	case schema.ArrayOf:
		return counted(t) || checked(t.Elem)
	case schema.Bytes, schema.String:
		return t.Count != nil
	}
	return false
}
