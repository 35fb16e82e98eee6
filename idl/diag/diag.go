// Package diag carries what the compiler has to say about a protocol file.
//
// A diagnostic has a stable id, the smallest span that shows the mistake, what is wrong, why that is wrong, and what to
// write instead. Text is lower case and has no full stop, so that it reads the same alone and inside another message.
package diag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Span is a stretch of one file. Offset and End are byte offsets, End exclusive; Line and Column, both from 1, are
// where it starts, Column counted in bytes.
type Span struct {
	File   string `json:"file"`
	Offset int    `json:"offset"`
	End    int    `json:"end"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// String is the place as editors and terminals recognise it.
func (s Span) String() string { return fmt.Sprintf("%s:%d:%d", s.File, s.Line, s.Column) }

// To is the span from the start of s to the end of e.
func (s Span) To(e Span) Span {
	s.End = max(s.End, e.End)
	return s
}

// Severity tells a file that can't be compiled from one that could be better, and from one that is as it should be.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Remark  Severity = "note" // nothing is wrong, but the author should know
)

// Note is a second place that a diagnostic needs in order to be understood.
type Note struct {
	Span Span   `json:"span"`
	Text string `json:"text"`
}

// Diagnostic is one complaint.
type Diagnostic struct {
	ID       ID       `json:"id"`
	Severity Severity `json:"severity"`
	Span     Span     `json:"span"`
	Message  string   `json:"message"`
	Cause    string   `json:"cause,omitempty"`
	Fix      string   `json:"fix,omitempty"`
	Notes    []Note   `json:"notes,omitempty"`
}

// Error is the short, one-line form.
func (d *Diagnostic) Error() string { return fmt.Sprintf("%s: %s [%s]", d.Span, d.Message, d.ID) }

// Note adds a second place and returns d.
func (d *Diagnostic) Note(at Span, format string, args ...any) *Diagnostic {
	d.Notes = append(d.Notes, Note{at, sprintf(format, args)})
	return d
}

// Because says why it is a mistake and returns d.
func (d *Diagnostic) Because(format string, args ...any) *Diagnostic {
	d.Cause = sprintf(format, args)
	return d
}

// Try says what to write instead and returns d.
func (d *Diagnostic) Try(format string, args ...any) *Diagnostic {
	d.Fix = sprintf(format, args)
	return d
}

// Most is how many diagnostics a List keeps: more than anybody reads of one file, and little enough for a file that is nothing
// but mistakes.
const Most = 100

// List collects the diagnostics of one file: the first Most of them, and the number of the others. The zero List is empty and
// ready. It is not safe for concurrent use.
type List struct {
	items   []*Diagnostic
	dropped int
	failed  bool
}

// Add files a diagnostic; its severity is that of its id.
func (l *List) Add(id ID, at Span, format string, args ...any) *Diagnostic {
	d := &Diagnostic{ID: id, Severity: id.Severity(), Span: at}
	l.failed = l.failed || d.Severity == Error
	if l.Full() {
		l.dropped++
		return d
	}
	d.Message = sprintf(format, args)
	l.items = append(l.items, d)
	return d
}

// Full reports whether what is added from now on will be counted only. Whoever computes something for a diagnostic alone needn't.
func (l *List) Full() bool { return len(l.items) >= Most }

// Append files everything that m holds, however much that is.
func (l *List) Append(m *List) {
	l.items = append(l.items, m.items...)
	l.dropped += m.dropped
	l.failed = l.failed || m.failed
}

// Items returns the diagnostics in the order of the files' text. The slice is the list's own.
func (l *List) Items() []*Diagnostic {
	slices.SortStableFunc(l.items, func(a, b *Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Span.File, b.Span.File), cmp.Compare(a.Span.Offset, b.Span.Offset))
	})
	return l.items
}

// Dropped is the number of diagnostics that the list didn't keep.
func (l *List) Dropped() int { return l.dropped }

// Failed reports whether an error is among them.
func (l *List) Failed() bool { return l.failed }

// Clean reports whether nothing is wrong: there are remarks at most.
func (l *List) Clean() bool {
	return !l.failed && !slices.ContainsFunc(l.items, func(d *Diagnostic) bool { return d.Severity != Remark })
}

// Len is the number of diagnostics that are kept, whatever their severity.
func (l *List) Len() int { return len(l.items) }

// Err is nil without errors, and otherwise an error whose text is one line per diagnostic.
func (l *List) Err() error {
	if !l.Failed() {
		return nil
	}
	return &ListError{l.Items()}
}

// ListError is a failed compilation as an error value.
type ListError struct{ Items []*Diagnostic }

// Error joins the one-line forms.
func (e *ListError) Error() string {
	lines := make([]string, len(e.Items))
	for i, d := range e.Items {
		lines[i] = d.Error()
	}
	return strings.Join(lines, "\n")
}
