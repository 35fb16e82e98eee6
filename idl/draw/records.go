package draw

import (
	"fmt"
	"strings"

	"github.com/xenidc/idc/idl/schema"
)

func (w *writer) records() {
	w.echoed = w.echoes()
	limits := w.limits()
	for _, u := range w.p.Unions {
		w.line("")
		w.doc(u.Doc)
		w.line("union %s {", u.Name)
		for _, m := range u.Members {
			w.doc(m.Doc)
			var values []string
			for _, v := range m.When {
				values = append(values, v.String())
			}
			w.line("%s", words(m.Name, typeText(m.Type), when(values != nil, "when"), strings.Join(values, " or "), since(m.Since)))
		}
		w.line("}")
	}
	for _, s := range w.p.Structs {
		w.record(s, limits)
	}
}

// echoes finds the fields of a ring's first response that repeat one of any request, also of one that no form describes.
func (w *writer) echoes() map[*schema.Field]string {
	list := map[*schema.Field]string{}
	for _, r := range w.p.Rings {
		for _, slot := range r.Requests {
			for _, b := range slot.Echo {
				if b.Source.Kind == schema.FromRequest {
					list[b.Path.Leaf()] = echo(b.Source)
				}
			}
		}
	}
	return list
}

// limits finds arrays of pages that hold fewer segments than there is room for.
func (w *writer) limits() map[*schema.Field]string {
	list := map[*schema.Field]string{}
	for _, t := range w.p.Transactions {
		for _, f := range t.Forms {
			for _, s := range f.Segments {
				if leaf := s.Array.Leaf(); s.Pages > 0 && s.Max < s.Pages*leaf.Type.Pages.PerPage {
					list[leaf] = fmt.Sprintf("up to %d", s.Max)
				}
			}
		}
	}
	return list
}

// echo is the clause of a response's field that repeats one of the request.
func echo(s schema.Source) string { return "= request." + s.Path.String() }

func (w *writer) record(s *schema.Struct, limits map[*schema.Field]string) {
	w.line("")
	w.doc(s.Doc)
	kind := "struct"
	if s.Segment != nil {
		kind = "segment"
	}
	w.line("%s", words(when(s.Frozen, "frozen"), kind, s.Name, "{"))
	end := make([]int, schema.NumABI)
	for _, f := range s.Fields {
		w.doc(f.Doc)
		w.line("%s", words(f.Name, typeText(f.Type), limits[f], w.at(f, end), on(f), when(f.NamesRequest, "names request"), since(f.Since), w.echoed[f]))
		for _, a := range schema.ABIs {
			if f.On(a) {
				end[a] = f.Offset[a] + f.Size[a]
			}
		}
	}
	if g := s.Segment; g != nil && g.Inclusive {
		w.line("covers %s to %s", g.First.Name, g.Last.Name)
	} else if g != nil {
		w.line("covers %s from %s", g.Last.Name, g.First.Name)
	}
	w.line("}")
}

// at is the clause of a field that isn't where C would put it.
func (w *writer) at(f *schema.Field, end []int) string {
	for _, a := range schema.ABIs {
		if align := alignOf(f.Type, a); f.On(a) && (f.Placed || f.Offset[a] != (end[a]+align-1)/align*align) {
			return fmt.Sprintf("at %d", f.Offset[a])
		}
	}
	return ""
}

func alignOf(t *schema.Type, a schema.ABI) int {
	switch t.Kind {
	case schema.StructOf:
		return max(t.Struct.Align[a], 1)
	case schema.UnionOf:
		return max(t.Union.Align[a], 1)
	case schema.ArrayOf:
		return alignOf(t.Elem, a)
	case schema.Bytes, schema.String:
		return 1
	case schema.Buffer:
		return 4
	}
	return min(t.Size, a.MaxAlign())
}

// on lists the ABIs of a field that isn't there on all of them.
func on(f *schema.Field) string {
	var list []string
	for _, a := range schema.ABIs {
		if f.On(a) {
			list = append(list, a.String())
		}
	}
	if len(list) == schema.NumABI {
		return ""
	}
	return "on " + strings.Join(list, " and ")
}

// typeText is a type as the language spells it, with everything that belongs to it.
func typeText(t *schema.Type) string {
	elem, array := t, ""
	switch {
	case t.Kind == schema.ArrayOf:
		elem = t.Elem
		array = brackets(t)
	case t.Kind == schema.Bytes || t.Kind == schema.String:
		array = brackets(t)
	}
	bound, tag, pages := "", "", ""
	if t.Count != nil {
		bound = fmt.Sprintf("up to %d", t.Max)
	}
	if elem.Tag != nil {
		tag = "by " + elem.Tag.String()
	}
	if t.Pages != nil {
		pages = fmt.Sprintf("to pages of %s[%s]", t.Pages.Elem.Name, t.Pages.Count)
	}
	return words(typeName(elem)+array, in(elem.Unit), tag, bound, pages)
}

func brackets(t *schema.Type) string {
	if t.Count == nil {
		return fmt.Sprintf("[%d]", t.Max)
	}
	return "[" + t.Count.String() + "]"
}

// typeName is the name of a type that is no array.
func typeName(t *schema.Type) string {
	switch t.Kind {
	case schema.Int:
		return intName(t.Size, t.Signed, t.BigEndian)
	case schema.EnumOf:
		return t.Enum.Name
	case schema.BitsOf:
		return t.Bits.Name
	case schema.StructOf:
		return t.Struct.Name
	case schema.UnionOf:
		return t.Union.Name
	}
	return t.Kind.String()
}

func intName(size int, signed, big bool) string {
	name := fmt.Sprintf("u%d", 8*size)
	if signed {
		name = fmt.Sprintf("i%d", 8*size)
	}
	return name + when(big, "be")
}

func in(u *schema.Unit) string {
	if u == nil {
		return ""
	}
	return "in " + u.Name
}
