package diag

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Render writes diagnostics for people, each as
//
//	error: `handle` is declared twice [duplicate-name]
//	  --> blk.idc:41:2
//	     |
//	  39 |     handle u16
//	     |     ------ declared here first
//	  41 |     handle u16
//	     |     ^^^^^^
//	   = because: a name means one thing
//	   = fix: rename or remove one of them
//
// source returns the text of a file by the name that its spans carry, or "" if there is none.
func Render(w io.Writer, list []*Diagnostic, source func(file string) string) error {
	for i, d := range list {
		if i > 0 {
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
		if _, err := io.WriteString(w, d.text(source)); err != nil {
			return err
		}
	}
	return nil
}

// RenderJSON writes diagnostics for editors: one object per line.
func RenderJSON(w io.Writer, list []*Diagnostic) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, d := range list {
		if err := enc.Encode(d); err != nil {
			return err
		}
	}
	return nil
}

func (d *Diagnostic) text(source func(string) string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s [%s]\n  --> %s\n", d.Severity, d.Message, d.ID, d.Span)
	excerpt(&b, d, source)
	if d.Cause != "" {
		fmt.Fprintf(&b, "   = because: %s\n", d.Cause)
	}
	if d.Fix != "" {
		fmt.Fprintf(&b, "   = fix: %s\n", d.Fix)
	}
	return b.String()
}

// mark is one underlined place.
type mark struct {
	span Span
	sign byte
	text string
}

// excerpt shows the lines of the file that matter, in their order, the culprit underlined with ^ and the others with -.
func excerpt(b *strings.Builder, d *Diagnostic, source func(string) string) {
	marks := []mark{{d.Span, '^', ""}}
	for _, n := range d.Notes {
		marks = append(marks, mark{n.Span, '-', n.Text})
	}
	slices.SortStableFunc(marks, func(a, b mark) int {
		if a.span.File != b.span.File {
			return cmp.Compare(foreign(a, d), foreign(b, d))
		}
		return cmp.Compare(a.span.Offset, b.span.Offset)
	})
	shown, text := Span{}, ""
	for _, m := range marks {
		line, ok := lineOf(source(m.span.File), m.span)
		if !ok {
			if m.text != "" {
				fmt.Fprintf(b, "   = %s: %s\n", m.span, m.text)
			}
			continue
		}
		if shown.Line == 0 {
			fmt.Fprintf(b, "     |\n")
		}
		part, before := window(line, min(max(m.span.Column-1, 0), len(line)))
		if shown.Line != m.span.Line || shown.File != m.span.File || part != text {
			fmt.Fprintf(b, "%4d | %s\n", m.span.Line, detab(part))
		}
		shown, text = m.span, part
		underline(b, m, part, before)
	}
}

// foreign puts places in other files last.
func foreign(m mark, d *Diagnostic) int {
	if m.span.File == d.Span.File {
		return 0
	}
	return 1
}

// underline marks what stands in a line from the byte `before` on.
func underline(b *strings.Builder, m mark, line string, before int) {
	width := max(1, min(m.span.End-m.span.Offset, len(line)-before))
	fmt.Fprintf(b, "     | %s%s", strings.Repeat(" ", columns(line[:before])),
		strings.Repeat(string(m.sign), max(1, columns(line[before:min(len(line), before+width)]))))
	if m.text != "" {
		fmt.Fprintf(b, " %s", m.text)
	}
	b.WriteByte('\n')
}

// lineOf finds the line of a span in the text of its file.
func lineOf(src string, s Span) (string, bool) {
	if src == "" || s.Offset < 0 || s.Offset > len(src) {
		return "", false
	}
	start := strings.LastIndexByte(src[:s.Offset], '\n') + 1
	if start == 0 {
		src = strings.TrimPrefix(src, "\ufeff") // a byte order mark; columns are counted behind it
	}
	line, _, _ := strings.Cut(src[start:], "\n")
	return strings.TrimRight(line, "\r"), true
}

const tab = "    "

func detab(s string) string { return strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\t", tab) }

func columns(s string) int { return len([]rune(detab(s))) }
