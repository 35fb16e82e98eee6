package gen

import (
	"fmt"
	"slices"

	"github.com/xenidc/idc/idl/schema"
)

// units makes a type of each unit, as wide as its widest use.
func (g *generator) units() {
	for _, u := range g.p.Units {
		if u.Name == "bytes" {
			continue
		}
		name := exported(u.Name)
		what := fmt.Sprintf("%s is a number of %s", name, u.Name)
		if u.Bytes > 0 {
			what += fmt.Sprintf(", each of %d bytes", u.Bytes)
		}
		g.out.doc(what + ".")
		if u.Doc != "" {
			g.out.doc(u.Doc)
		}
		g.out.line("type %s %s", name, g.unitType(u))
		g.out.line("")
	}
}

// unitType is the least integer type that holds everything that is counted in u.
func (g *generator) unitType(u *schema.Unit) string {
	unsigned, signed := 0, 0
	see := func(t *schema.Type) {
		switch {
		case t == nil || t.Unit != u:
		case t.Signed:
			signed = max(signed, t.Size)
		default:
			unsigned = max(unsigned, t.Size)
		}
	}
	for _, s := range g.p.Structs {
		for _, f := range s.Fields {
			see(f.Type)
		}
	}
	for _, k := range g.p.Keys {
		see(k.Type)
	}
	for _, t := range g.p.Transactions {
		for _, p := range slices.Concat(t.Params, t.Results) {
			see(p.Type)
		}
	}
	for _, m := range g.p.Messages {
		for _, p := range m.Params {
			see(p.Type)
		}
	}
	switch {
	case signed == 0:
		return intType(max(unsigned, 1), false)
	case unsigned >= signed:
		return intType(min(2*unsigned, 8), true)
	}
	return intType(signed, true)
}

func (g *generator) consts() {
	if len(g.p.Consts) == 0 {
		return
	}
	g.out.line("// Numbers that the protocol names.")
	g.out.line("const (")
	for _, c := range g.p.Consts {
		if c.Doc != "" {
			g.out.doc(c.Doc)
		}
		g.out.line("%s = %d", exported(c.Name), c.Value)
	}
	g.out.lines(`
	)
	`)
}

// hidden reports whether an enum is the compiler's own: the operations and the
// status of a protocol that declares none.
func (g *generator) hidden(e *schema.Enum) bool { return g.p.Chosen && e.Pos == g.p.Pos }

// enumType is the Go type of an enum.
func (g *generator) enumType(e *schema.Enum) string {
	switch {
	case g.hidden(e) && e.Status:
		return "idc.Code"
	case g.hidden(e):
		return unexported(e.Name)
	}
	return exported(e.Name)
}

func (g *generator) enumValue(e *schema.Enum, v *schema.EnumValue) string {
	if g.hidden(e) && e.Status {
		return map[schema.Role]string{
			schema.Success: "idc.Succeeded", schema.Failure: "idc.Failed",
			schema.Malformed: "idc.Malformed", schema.Unsupported: "idc.Unsupported",
		}[v.Roles[0]]
	}
	return g.enumType(e) + exported(v.Name)
}

func (g *generator) enums() {
	for _, e := range g.p.Enums {
		if g.hidden(e) && e.Status {
			continue
		}
		g.enum(e)
	}
}

func (g *generator) enum(e *schema.Enum) {
	name := g.enumType(e)
	g.docOr(sentence(name, "says", e.Doc), name+" is an enumeration.")
	g.out.line("type %s %s", name, intType(e.Size, e.Signed))
	g.out.line("")
	if len(e.Values) == 0 {
		return
	}
	g.out.line("// The values of %s.", name)
	g.out.line("const (")
	for _, v := range e.Values {
		if v.Doc != "" && !g.hidden(e) {
			g.out.doc(v.Doc)
		}
		g.out.line("%s %s = %d", g.enumValue(e, v), name, v.Value)
	}
	g.out.line(")")
	g.out.line("")
	if !g.hidden(e) {
		g.enumString(e, name)
	}
}

func (g *generator) enumString(e *schema.Enum, name string) {
	g.out.line("// String is the value's name in the protocol.")
	g.out.line("func (v %s) String() string {", name)
	g.out.line("switch v {")
	for _, v := range e.Values {
		g.out.line("case %s:", g.enumValue(e, v))
		g.out.line("return %q", v.Name)
	}
	g.out.line("}")
	if e.Signed {
		g.out.line(`return "%s " + strconv.FormatInt(int64(v), 10)`, e.Name)
	} else {
		g.out.line(`return "%s " + strconv.FormatUint(uint64(v), 10)`, e.Name)
	}
	g.out.line("}")
	g.out.line("")
}

func (g *generator) bits() {
	for _, b := range g.p.Bits {
		name := exported(b.Name)
		g.docOr(sentence(name, "says", b.Doc), name+" is a set of bits.")
		g.out.line("type %s %s", name, intType(b.Size, false))
		g.out.line("")
		g.flags(b, name)
		for _, group := range b.Groups {
			if group.Width > 1 {
				g.group(name, group)
			}
		}
	}
}

// flags makes a constant of each single bit.
func (g *generator) flags(b *schema.Bits, name string) {
	head := false
	for _, group := range b.Groups {
		if group.Width > 1 {
			continue
		}
		if !head {
			g.out.line("// The bits of %s.", name)
			g.out.line("const (")
			head = true
		}
		if group.Doc != "" {
			g.out.doc(group.Doc)
		}
		g.out.line("%s%s %s = 1 << %d", name, exported(group.Name), name, group.Shift)
	}
	if head {
		g.out.line(")")
		g.out.line("")
	}
}

// group makes accessors of bits that form a number.
func (g *generator) group(name string, group *schema.BitGroup) {
	typ := g.goType((&schema.Path{Fields: []*schema.Field{{}}, Bits: group}).Type())
	field := exported(group.Name)
	g.docOr(sentence(field, "is", group.Doc), fmt.Sprintf("%s is bits %d to %d.", field, group.Shift, group.Shift+group.Width-1))
	down, up := fmt.Sprintf("v >> %d", group.Shift), fmt.Sprintf("%s(x)<<%d", name, group.Shift)
	if group.Shift == 0 {
		down, up = "v", name+"(x)"
	}
	g.out.line("func (v %s) %s() %s { return %s(%s & %#x) }", name, field, typ, typ, down, group.Mask()>>group.Shift)
	g.out.line("")
	g.out.line("// With%s returns v with these bits replaced; what doesn't fit of x is lost.", field)
	g.out.line("func (v %s) With%s(x %s) %s {", name, field, typ, name)
	g.out.line("return v&^%#x | %s&%#x", group.Mask(), up, group.Mask())
	g.out.line("}")
	g.out.line("")
}

func (g *generator) docOr(doc, otherwise string) {
	if doc == "" {
		doc = otherwise
	}
	g.out.doc(doc)
}

func intType(size int, signed bool) string {
	if signed {
		return fmt.Sprintf("int%d", 8*size)
	}
	return fmt.Sprintf("uint%d", 8*size)
}

// goType is the Go type of a value.
func (g *generator) goType(t *schema.Type) string {
	switch t.Kind {
	case schema.Int:
		if t.Unit != nil && t.Unit.Name != "bytes" && g.declares(t.Unit) {
			return exported(t.Unit.Name)
		}
		return intType(t.Size, t.Signed)
	case schema.Bool:
		return "bool"
	case schema.EnumOf:
		return g.enumType(t.Enum)
	case schema.BitsOf:
		return exported(t.Bits.Name)
	case schema.StructOf:
		return g.structName(t.Struct)
	case schema.UnionOf:
		return exported(t.Union.Name)
	case schema.Gref:
		return "idc.GrantRef"
	case schema.Port:
		return "idc.Port"
	case schema.Domid:
		return "idc.DomID"
	case schema.Buffer:
		return fmt.Sprintf("[%d]byte", schema.BufferSize)
	case schema.String:
		return "string"
	case schema.Bytes:
		if t.Count == nil {
			return fmt.Sprintf("[%d]byte", t.Max)
		}
		return "[]byte"
	case schema.ArrayOf:
		if !counted(t) {
			return fmt.Sprintf("[%d]%s", t.Max, g.goType(t.Elem))
		}
		return "[]" + g.goType(t.Elem)
	}
	return "invalid"
}

// declares reports whether the protocol has the unit itself.
func (g *generator) declares(u *schema.Unit) bool {
	for _, have := range g.p.Units {
		if have == u {
			return true
		}
	}
	return false
}
