// Package draw writes a compiled protocol as a file that draws everything: the structs, rings, forms and keys that the compiler
// chose, as a person could have drawn them. Compiled again, it is laid out the same, byte for byte.
package draw

import (
	"fmt"
	"strings"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/format"
	"github.com/xenidc/idc/idl/schema"
)

// Protocol returns the text of a protocol that compiled without an error, formatted.
func Protocol(p *schema.Protocol) ([]byte, error) {
	w := &writer{p: p}
	w.header()
	w.values()
	w.records()
	w.rings()
	w.calls()
	w.keys()
	var diags diag.List
	out := format.Source(p.Name+".idc", []byte(w.text.String()), &diags)
	if out == nil {
		return nil, fmt.Errorf("draw %s: what was drawn doesn't parse: %w", p.Name, diags.Err())
	}
	return out, nil
}

// writer collects the text.
type writer struct {
	p      *schema.Protocol
	echoed map[*schema.Field]string // the fields of responses that repeat one of any request, and how that is written
	text   strings.Builder
}

func (w *writer) line(format string, args ...any) {
	fmt.Fprintf(&w.text, format, args...)
	w.text.WriteByte('\n')
}

// doc writes a comment in front of what it describes.
func (w *writer) doc(text string) {
	if text == "" {
		return
	}
	for line := range strings.SplitSeq(text, "\n") {
		w.line("%s", strings.TrimRight("/// "+line, " "))
	}
}

// words joins what isn't empty by spaces.
func words(list ...string) string {
	var out []string
	for _, s := range list {
		if s != "" {
			out = append(out, s)
		}
	}
	return strings.Join(out, " ")
}

// when is s if it is to be there.
func when(there bool, s string) string {
	if there {
		return s
	}
	return ""
}

func quote(s string) string { return `"` + s + `"` }

// since is the clause of something that was added.
func since(version int) string {
	if version == 0 {
		return ""
	}
	return fmt.Sprintf("since %d", version)
}

func (w *writer) header() {
	p := w.p
	w.doc(p.Doc)
	w.line("%s", words(when(p.Frozen, "frozen"), "protocol", p.Name, when(p.Version > 0, fmt.Sprintf("version %d", p.Version))))
	w.line("")
	w.doc(p.Device.Doc)
	var backs []string
	if len(p.Device.Backs) != 1 || p.Device.Backs[0] != p.Device.Front {
		for _, b := range p.Device.Backs {
			backs = append(backs, quote(b))
		}
	}
	w.line("%s", words("device", quote(p.Device.Front), when(backs != nil, "back"), strings.Join(backs, " or ")))
	for _, a := range p.Device.Names {
		w.doc(a.Doc)
		w.line("%s", words("abi", a.ABI.String(), quote(a.Name), when(a.ABI == p.Device.Assumed, "or absent")))
	}
}

func (w *writer) values() {
	for _, u := range w.p.Units {
		w.line("")
		w.doc(u.Doc)
		w.line("%s", words("unit", u.Name, when(u.Bytes > 0, fmt.Sprintf("= %d bytes", u.Bytes))))
	}
	for _, c := range w.p.Consts {
		w.line("")
		w.doc(c.Doc)
		w.line("%s", words("const", c.Name, in(c.Unit), "=", c.Value.String()))
	}
	for _, e := range w.p.Enums {
		w.enum(e)
	}
	for _, b := range w.p.Bits {
		w.bits(b)
	}
}

func (w *writer) enum(e *schema.Enum) {
	w.line("")
	w.doc(e.Doc)
	w.line("%s", words(when(e.Frozen, "frozen"), when(e.Open, "open"), when(e.Status, "status"), "enum", e.Name, intName(e.Size, e.Signed, false), "{"))
	for _, v := range e.Values {
		w.doc(v.Doc)
		var roles []string
		for _, r := range v.Roles {
			roles = append(roles, string(r))
		}
		w.line("%s", words(v.Name, "=", v.Value.String(), when(roles != nil, "means"), strings.Join(roles, " and "), since(v.Since)))
	}
	for _, r := range e.Reserved {
		w.doc(r.Doc)
		w.line("reserved %s", span(r.First, r.Last))
	}
	w.line("}")
}

func span(first, last schema.Number) string {
	if first == last {
		return first.String()
	}
	return fmt.Sprintf("%d to %d", first, last)
}

func (w *writer) bits(b *schema.Bits) {
	w.line("")
	w.doc(b.Doc)
	w.line("%s", words(when(b.Frozen, "frozen"), when(b.Open, "open"), "bits", b.Name, intName(b.Size, false, false), "{"))
	for _, g := range b.Groups {
		w.doc(g.Doc)
		place := fmt.Sprintf("bit %d", g.Shift)
		if g.Width > 1 {
			place = fmt.Sprintf("bits %d to %d", g.Shift, g.Shift+g.Width-1)
		}
		as := ""
		if g.Enum != nil {
			as = "as " + g.Enum.Name
		}
		w.line("%s", words(g.Name, "=", place, as, since(g.Since)))
	}
	w.line("}")
}
