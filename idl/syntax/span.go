package syntax

import (
	"strings"

	"github.com/xenidc/idc/idl/diag"
)

// Span is the place of the modifier.
func (m *Mod) Span() diag.Span { return At(m.Pos, len(m.Text)) }

// Span is the place of the name.
func (n *Name) Span() diag.Span { return At(n.Pos, len(n.Text)) }

// Span is the place of the whole path.
func (p *Path) Span() diag.Span { return p.Parts[0].Span().To(p.Last().Span()) }

// Last is the name at the end.
func (p *Path) Last() *Name { return p.Parts[len(p.Parts)-1] }

// String is the path as written.
func (p *Path) String() string {
	names := make([]string, len(p.Parts))
	for i, n := range p.Parts {
		names[i] = n.Text
	}
	return strings.Join(names, ".")
}

// Span is the place of the text, quotes included.
func (s *Str) Span() diag.Span { return At(s.Pos, len(s.Text)) }

// Value is the text without its quotes.
func (s *Str) Value() string { return strings.Trim(s.Text, `"`) }

// Span is the place of the number's digits or of the name.
func (v *Value) Span() diag.Span {
	if v.Name != nil {
		return v.Name.Span()
	}
	n := len(v.Number)
	if v.Minus {
		n++
	}
	return At(v.Pos, n)
}

// Span is the place of the type's name.
func (t *Type) Span() diag.Span { return t.Name.Span() }

// Span is the place of the source's first name or number.
func (s *Source) Span() diag.Span {
	switch {
	case s.LengthOf != nil:
		return At(s.Pos, len("length")).To(s.LengthOf.Span())
	case s.Path != nil:
		return s.Path.Span()
	case s.Number != nil:
		return s.Number.Span()
	}
	return At(s.Pos, 0)
}

// Path is the field that counts the elements, or nil if a number does.
func (a *Array) Path() *Path {
	if a.Number == nil || a.Number.Name == nil {
		return nil
	}
	return &Path{Pos: a.Number.Pos, Parts: append([]*Name{a.Number.Name}, a.More...)}
}

// DocText joins the lines of a doc comment, without slashes.
func DocText(lines []string) string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = strings.TrimPrefix(strings.TrimPrefix(l, "///"), " ")
	}
	return strings.Join(out, "\n")
}
