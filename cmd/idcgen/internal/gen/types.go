package gen

import (
	"fmt"
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/golang"
	"github.com/xenidc/idc/idl/schema"
)

// goName is the Go type of a value, as text: types of one text are the same.
func (g *generator) goName(t *schema.Type) string {
	switch t.Kind {
	case schema.Int:
		if g.inUnit(t) {
			return g.names.Of(t.Unit)
		}
		return intName(t.Size, t.Signed)
	case schema.Bool:
		return "bool"
	case schema.EnumOf:
		return g.enumName(t.Enum)
	case schema.BitsOf:
		return g.names.Of(t.Bits)
	case schema.StructOf:
		return g.names.Of(t.Struct)
	case schema.UnionOf:
		return g.names.Of(t.Union)
	case schema.Gref:
		return "idc.GrantRef"
	case schema.Port:
		return "idc.Port"
	case schema.Domid:
		return "idc.DomID"
	case schema.String:
		return "string"
	}
	return g.sequence(t)
}

func (g *generator) sequence(t *schema.Type) string {
	elem, n := "byte", t.Max
	switch t.Kind {
	case schema.ArrayOf:
		elem = g.goName(t.Elem)
	case schema.Buffer:
		n = schema.BufferSize
	}
	if counted(t) {
		return "[]" + elem
	}
	return fmt.Sprintf("[%d]%s", n, elem)
}

// goType is the Go type of a value.
func (g *generator) goType(t *schema.Type) code {
	switch t.Kind {
	case schema.EnumOf:
		if g.enumName(t.Enum) == "idc.Code" {
			return idc("Code")
		}
	case schema.Gref:
		return idc("GrantRef")
	case schema.Port:
		return idc("Port")
	case schema.Domid:
		return idc("DomID")
	case schema.Buffer:
		return jen.Index(num(schema.BufferSize)).Byte()
	case schema.Bytes, schema.ArrayOf:
		elem := jen.Byte()
		if t.Kind == schema.ArrayOf {
			elem = g.goType(t.Elem)
		}
		if counted(t) {
			return jen.Index().Add(elem)
		}
		return jen.Index(num(t.Max)).Add(elem)
	}
	return id(g.goName(t))
}

// zero is the zero value of a type.
func (g *generator) zero(t *schema.Type) code {
	switch {
	case t.Kind == schema.Bool:
		return jen.False()
	case t.Scalar():
		return num(0)
	case t.Kind == schema.String:
		return jen.Lit("")
	case counted(t):
		return jen.Nil()
	}
	return g.goType(t).Values()
}

func intName(size int, signed bool) string {
	if signed {
		return fmt.Sprintf("int%d", 8*size)
	}
	return fmt.Sprintf("uint%d", 8*size)
}

// rawName is the Go type of the number that a scalar is on the wire.
func rawName(t *schema.Type) string { return intName(t.Size, false) }

// convert makes an expression of type from one of type to.
func convert(from, to string, v code) code {
	if from == to {
		return v
	}
	return id(to).Call(v)
}

// segmented reports whether the type is an array that segments go to.
func segmented(t *schema.Type) bool {
	return t.Kind == schema.ArrayOf && (t.Pages != nil || t.Elem.Kind == schema.StructOf && t.Elem.Struct.Segment != nil)
}

// counted reports whether the number of elements is part of a value's Go type. Where segments are values, as in packages
// without stubs, there are always all of them, and their count is a field of its own.
func counted(t *schema.Type) bool { return t.Count != nil && !segmented(t) }

// measureUnits finds the Go type of each unit: that of its widest use. What is narrower or of another sign is a plain number
// in Go, so that no value is lost.
func (g *generator) measureUnits() {
	see := func(t *schema.Type) {
		if t != nil && t.Kind == schema.ArrayOf {
			t = t.Elem
		}
		if t == nil || t.Kind != schema.Int || t.Unit == nil {
			return
		}
		if have := g.units[t.Unit]; have == nil || t.Size > have.Size || t.Size == have.Size && have.Signed {
			g.units[t.Unit] = t
		}
	}
	for _, s := range g.p.Structs {
		for _, f := range s.Fields {
			see(f.Type)
		}
	}
	for _, u := range g.p.Unions {
		for _, f := range u.Members {
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
}

// inUnit reports whether a number has the type of its unit in Go.
func (g *generator) inUnit(t *schema.Type) bool {
	if t.Unit == nil || g.names.Of(t.Unit) == "" { // bytes are of no unit of the protocol's
		return false
	}
	u := g.units[t.Unit]
	return u != nil && u.Size == t.Size && u.Signed == t.Signed
}

func (g *generator) unitTypes() {
	for _, u := range g.p.Units {
		name := g.names.Of(u)
		if name == "" {
			continue
		}
		what := fmt.Sprintf("%s is a number of %s", name, u.Name)
		if u.Bytes > 0 {
			what += fmt.Sprintf(", each of %d bytes", u.Bytes)
		}
		doc(g.file, what+".")
		if u.Doc != "" {
			doc(g.file, u.Doc)
		}
		size, signed := 1, false
		if t := g.units[u]; t != nil {
			size, signed = t.Size, t.Signed
		}
		g.file.Type().Id(name).Id(intName(size, signed))
		g.file.Line()
	}
}

func (g *generator) consts() {
	if len(g.p.Consts) == 0 {
		return
	}
	doc(g.file, "Numbers that the protocol names.")
	g.file.Const().DefsFunc(func(out *jen.Group) {
		for _, c := range g.p.Consts {
			if c.Doc != "" {
				doc(out, c.Doc)
			}
			out.Id(g.names.Of(c)).Op("=").Add(lit(c.Value))
		}
	})
	g.file.Line()
}

// hidden reports whether an enum is the compiler's own: the operations and the status of a protocol that declares none.
func (g *generator) hidden(e *schema.Enum) bool { return golang.Hidden(g.p, e) }
