// Package lint finds what compiles but could be better. Its complaints are warnings: `idcgen vet` shows them, and
// nothing else cares.
package lint

import (
	"regexp"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
)

// Check looks at a protocol that compiled without an error.
func Check(p *schema.Protocol, diags *diag.List) {
	l := &linter{p: p, diags: diags}
	l.documented()
	l.holes()
	l.styles()
	l.unused()
}

type linter struct {
	p     *schema.Protocol
	diags *diag.List
}

// documented asks for documentation of what driver authors call.
func (l *linter) documented() {
	for _, t := range l.p.Transactions {
		l.doc(t.Doc, t.Pos, "transaction", t.Name)
	}
	for _, m := range l.p.Messages {
		l.doc(m.Doc, m.Pos, "message", m.Name)
	}
	l.doc(l.p.Doc, l.p.Pos, "protocol", l.p.Name)
}

func (l *linter) doc(doc string, at diag.Span, kind, name string) {
	if doc == "" {
		l.diags.Add(diag.Undocumented, at, "%s `%s` has no documentation", kind, name).
			Because("its users read nothing else").Try("say on a line `///` above it what it does")
	}
}

var snake = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// styles asks for lower case with underscores, from which Go names are made.
func (l *linter) styles() {
	p := l.p
	l.style(p.Name, p.Pos)
	for _, c := range p.Consts {
		l.style(c.Name, c.Pos)
	}
	for _, u := range p.Units {
		l.style(u.Name, u.Pos)
	}
	for _, e := range p.Enums {
		l.style(e.Name, e.Pos)
		for _, v := range e.Values {
			l.style(v.Name, v.Pos)
		}
	}
	for _, b := range p.Bits {
		l.style(b.Name, b.Pos)
		for _, g := range b.Groups {
			l.style(g.Name, g.Pos)
		}
	}
	for _, s := range p.Structs {
		l.style(s.Name, s.Pos)
		l.fieldStyles(s.Fields)
	}
	for _, u := range p.Unions {
		l.style(u.Name, u.Pos)
		l.fieldStyles(u.Members)
	}
	l.callStyles()
}

func (l *linter) callStyles() {
	for _, t := range l.p.Transactions {
		l.style(t.Name, t.Pos)
	}
	for _, m := range l.p.Messages {
		l.style(m.Name, m.Pos)
	}
	for _, r := range l.p.Rings {
		l.style(r.Name, r.Pos)
	}
}

func (l *linter) fieldStyles(list []*schema.Field) {
	for _, f := range list {
		l.style(f.Name, f.Pos)
	}
}

func (l *linter) style(name string, at diag.Span) {
	if !snake.MatchString(name) {
		l.diags.Add(diag.NameStyle, at, "`%s` isn't written in lower case with underscores", name).
			Because("the names of Go are made from it").Try("write for instance `sector_number`")
	}
}
