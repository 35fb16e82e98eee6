package gen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xenidc/idc/idl/schema"
)

// An image is the private copy of a struct of the ring, as a Go struct, less what
// isn't a value of its own: padding, counts, and segments, which the bulk data
// stands for. Its put fills zeroed bytes and its get reads them; both have one
// branch for each way that the ABIs lay the struct out.

// collectStructs finds the structs that need an image, with those inside them.
func (g *generator) collectStructs() {
	if !g.whole {
		for _, s := range g.p.Structs {
			g.need(s)
		}
		return
	}
	for _, ring := range g.p.Rings {
		for _, slot := range append(slices.Clone(ring.Requests), ring.Responses...) {
			g.need(slot.Struct)
		}
	}
}

func (g *generator) need(s *schema.Struct) {
	if g.structs[s] {
		return
	}
	g.structs[s] = true
	for _, f := range s.Fields {
		g.needType(f.Type)
	}
}

func (g *generator) needType(t *schema.Type) {
	switch {
	case t == nil || g.hides(t):
	case t.Kind == schema.StructOf:
		g.need(t.Struct)
	case t.Kind == schema.ArrayOf:
		g.needType(t.Elem)
	}
}

// segmented reports whether the type is an array that segments go to.
func segmented(t *schema.Type) bool {
	return t.Kind == schema.ArrayOf && (t.Pages != nil || t.Elem.Kind == schema.StructOf && t.Elem.Struct.Segment != nil)
}

// hides reports whether images leave a field out because segments go there, which
// bulk data stands for. Where images are all that there is, they hold all segments
// that fit, and the count is a field of its own.
func (g *generator) hides(t *schema.Type) bool { return g.whole && segmented(t) }

// counted reports whether the number of elements is part of a value's Go type.
func counted(t *schema.Type) bool { return t.Count != nil && !segmented(t) }

// slotStruct reports whether s is a slot of the ring, which no driver sees.
func (g *generator) slotStruct(s *schema.Struct) bool {
	for _, ring := range g.p.Rings {
		if ring.Request(s) != nil || ring.Response(s) != nil {
			return true
		}
	}
	return false
}

func (g *generator) structName(s *schema.Struct) string {
	if g.whole && g.slotStruct(s) {
		return unexported(s.Name)
	}
	return exported(s.Name)
}

// field is the name of a field of an image.
func (g *generator) field(s *schema.Struct, f *schema.Field) string {
	if g.whole && g.slotStruct(s) {
		return fieldName(f.Name)
	}
	return exported(f.Name)
}

// method is the name of a method of an image: exported where the images are all
// that there is.
func (g *generator) method(name string) string {
	if g.whole {
		return name
	}
	return exported(name)
}

// image returns the fields that the image of s has.
func (g *generator) image(s *schema.Struct) (fields []*schema.Field) {
	for _, f := range s.Fields {
		if !f.Pad && !g.hides(f.Type) && !countOf(s, f) {
			fields = append(fields, f)
		}
	}
	return fields
}

// countOf reports whether f counts the elements of a field that has a length of its
// own in Go.
func countOf(s *schema.Struct, f *schema.Field) bool {
	for _, other := range s.Fields {
		t := other.Type
		if t != nil && counted(t) && t.Count.Leaf() == f {
			return true
		}
	}
	return false
}

// canFail reports whether get of s returns something.
func (g *generator) canFail(s *schema.Struct) bool {
	for _, f := range g.image(s) {
		if checked(f.Type) || f.Type.Kind == schema.StructOf && g.canFail(f.Type.Struct) {
			return true
		}
		if f.Type.Kind == schema.ArrayOf && f.Type.Elem.Kind == schema.StructOf && g.canFail(f.Type.Elem.Struct) {
			return true
		}
	}
	return false
}

// varies reports whether the ABIs lay s out in different ways.
func (g *generator) varies(s *schema.Struct) bool {
	for _, f := range s.Fields {
		if g.moves(f) {
			return true
		}
	}
	return false
}

func (g *generator) moves(f *schema.Field) bool {
	return !g.same(f.Offset) || f.Type.Kind == schema.StructOf && g.varies(f.Type.Struct)
}

// same reports whether a number is the same on all ABIs that the protocol has.
func (g *generator) same(p schema.PerABI) bool {
	for _, a := range g.abis {
		if p[a.ABI] != p[g.abis[0].ABI] {
			return false
		}
	}
	return true
}

// passABI is the further argument of put and get.
func (g *generator) passABI(s *schema.Struct) string {
	if g.varies(s) {
		return ", abi"
	}
	return ""
}

// sizeExpr is the size of s, where abi is in scope if it matters.
func (g *generator) sizeExpr(s *schema.Struct) string {
	if g.same(s.Size) {
		return g.structName(s) + "Size"
	}
	return g.structName(s) + "Size[abi]"
}

func (g *generator) records() {
	for _, s := range g.p.Structs {
		if g.structs[s] {
			g.record(s)
		}
	}
}

func (g *generator) record(s *schema.Struct) {
	name := g.structName(s)
	g.docOr(sentence(name, "is", s.Doc), name+" is a struct of the protocol.")
	g.out.line("type %s struct {", name)
	for _, f := range g.image(s) {
		if f.Doc != "" {
			g.out.doc(f.Doc)
		}
		g.out.line("%s %s", g.field(s, f), g.goType(f.Type))
	}
	g.out.line("}")
	g.out.line("")
	g.size(s, name)
	g.codec(s, name, false)
	g.codec(s, name, true)
	for _, f := range s.Fields {
		if segmented(f.Type) && g.whole {
			g.arrayOf(s, f)
		}
	}
}

func (g *generator) size(s *schema.Struct, name string) {
	g.out.line("// %sSize is in bytes.", name)
	if g.same(s.Size) {
		g.out.line("const %sSize = %d", name, s.Size[g.abis[0].ABI])
	} else {
		list := ""
		for _, a := range g.abis {
			list += fmt.Sprintf("%s: %d, ", g.abiConst(a), s.Size[a.ABI])
		}
		g.out.line("var %sSize = [...]int{%s}", name, strings.TrimSuffix(list, ", "))
	}
	g.out.line("")
}

// codec writes put or get.
func (g *generator) codec(s *schema.Struct, name string, get bool) {
	verb, result, params := "put", "", ""
	if get {
		verb = "get"
		if g.canFail(s) {
			result = "(ok bool)"
		}
	}
	if g.varies(s) {
		params = ", abi int"
	}
	g.codecDoc(verb, result != "")
	g.out.line("func (m *%s) %s(b []byte%s) %s {", name, g.method(verb), params, result)
	if result != "" {
		g.out.line("ok = true")
	}
	var fixed, moving []*schema.Field
	for _, f := range g.image(s) {
		if g.moves(f) {
			moving = append(moving, f)
		} else {
			fixed = append(fixed, f)
		}
	}
	g.bound(s, g.smallest(s))
	g.copyFields(s, fixed, g.abis[0].ABI, get)
	g.branches(s, moving, get)
	if result != "" {
		g.out.line("return ok")
	}
	g.out.line("}")
	g.out.line("")
}

func (g *generator) codecDoc(verb string, fails bool) {
	switch {
	case verb == "put":
		g.out.line("// %s encodes m into b, which is zeroed and large enough.", g.method(verb))
	case fails:
		g.out.line("// %s decodes b, which is large enough and private. It is false if b is malformed.", g.method(verb))
	default:
		g.out.line("// %s decodes b, which is large enough and private.", g.method(verb))
	}
}

// bound checks the length of b once, so that no access does.
func (g *generator) bound(s *schema.Struct, size int) {
	if size > 0 && len(g.image(s)) > 0 {
		g.out.line("_ = b[%d]", size-1)
	}
}

func (g *generator) smallest(s *schema.Struct) int {
	n := s.Size[g.abis[0].ABI]
	for _, a := range g.abis {
		n = min(n, s.Size[a.ABI])
	}
	return n
}

// copyFields encodes or decodes fields as one ABI has them.
func (g *generator) copyFields(s *schema.Struct, fields []*schema.Field, abi schema.ABI, get bool) {
	for _, f := range fields {
		if !f.On(abi) {
			continue
		}
		if get {
			g.get(s, f.Type, at{off: f.Offset[abi]}, "m."+g.field(s, f))
		} else {
			g.put(s, f.Type, at{off: f.Offset[abi]}, "m."+g.field(s, f))
		}
	}
}

// layouts groups the ABIs that lay fields out alike, the commonest last.
func (g *generator) layouts(fields []*schema.Field) (groups [][]schema.ABIName) {
	for _, a := range g.abis {
		i := slices.IndexFunc(groups, func(have []schema.ABIName) bool {
			for _, f := range fields {
				if f.Offset[have[0].ABI] != f.Offset[a.ABI] {
					return false
				}
			}
			return true
		})
		if i < 0 {
			groups = append(groups, nil)
			i = len(groups) - 1
		}
		groups[i] = append(groups[i], a)
	}
	slices.SortStableFunc(groups, func(a, b []schema.ABIName) int { return len(a) - len(b) })
	return groups
}

// branches encodes or decodes the fields whose place depends on the ABI.
func (g *generator) branches(s *schema.Struct, fields []*schema.Field, get bool) {
	if len(fields) == 0 {
		return
	}
	groups := g.layouts(fields)
	for i, group := range groups {
		switch {
		case len(groups) == 1:
		case i == len(groups)-1:
			g.out.line("} else {")
		case i == 0:
			g.out.line("if %s {", g.isABI(group))
		default:
			g.out.line("} else if %s {", g.isABI(group))
		}
		if size := s.Size[group[0].ABI]; size > g.smallest(s) {
			g.out.line("_ = b[%d]", size-1)
		}
		g.copyFields(s, fields, group[0].ABI, get)
	}
	if len(groups) > 1 {
		g.out.line("}")
	}
}

// isABI is a condition: the ABI is one of the group.
func (g *generator) isABI(group []schema.ABIName) string {
	var terms []string
	for _, a := range group {
		terms = append(terms, "abi == "+g.abiConst(a))
	}
	return strings.Join(terms, " || ")
}

func (g *generator) abiConst(a schema.ABIName) string { return "abi" + exported(a.ABI.String()) }

// unions are kept as bytes, with a view for each member.
func (g *generator) unions() {
	for _, u := range g.p.Unions {
		if g.whole && !g.usesUnion(u) {
			continue
		}
		name := exported(u.Name)
		g.docOr(sentence(name, "is", u.Doc), name+" is a union.")
		g.out.doc("It is kept as bytes; its methods are views of them.")
		g.out.line("type %s [%d]byte", name, u.Size[g.abis[0].ABI])
		g.out.line("")
		for _, f := range u.Members {
			g.view(name, f)
		}
	}
}

func (g *generator) usesUnion(u *schema.Union) bool {
	for s := range g.structs {
		for _, f := range s.Fields {
			if f.Type.Kind == schema.UnionOf && f.Type.Union == u {
				return true
			}
		}
	}
	return false
}

func (g *generator) view(union string, f *schema.Field) {
	name, typ := exported(f.Name), g.goType(f.Type)
	result := "(v " + typ + ")"
	if checked(f.Type) || f.Type.Kind == schema.StructOf && g.canFail(f.Type.Struct) {
		result = "(v " + typ + ", ok bool)"
	}
	g.docOr(sentence(name, "is", f.Doc), name+" reads the member of that name.")
	g.out.line("func (u *%s) %s() %s {", union, name, result)
	g.out.line("b := u[:]")
	if strings.Contains(result, "ok") {
		g.out.line("ok = true")
	}
	g.get(nil, f.Type, at{off: f.Offset[g.abis[0].ABI]}, "v")
	if strings.Contains(result, "ok") {
		g.out.line("return v, ok")
	} else {
		g.out.line("return v")
	}
	g.out.line("}")
	g.out.line("")
	g.out.line("// Set%s makes it the union's value.", name)
	g.out.line("func (u *%s) Set%s(v %s) {", union, name, typ)
	g.out.line("clear(u[:])")
	g.out.line("b := u[:]")
	g.put(nil, f.Type, at{off: f.Offset[g.abis[0].ABI]}, "v")
	g.out.line("}")
	g.out.line("")
}
