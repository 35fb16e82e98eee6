package format

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/xenidc/idc/idl/syntax"
)

// row is a line as it will be printed, in up to three columns: a name, what is said about it, a comment.
type row struct {
	line
	name, rest string
}

func print(list []line) string {
	rows := make([]row, len(list))
	for i, l := range list {
		rows[i] = split(l)
	}
	for start := 0; start < len(rows); {
		end := start + 1
		for end < len(rows) && together(rows[end-1], rows[end]) {
			end++
		}
		align(rows[start:end])
		start = end
	}
	var b strings.Builder
	for _, r := range rows {
		r.write(&b)
	}
	return b.String()
}

func (r row) write(b *strings.Builder) {
	if r.blank {
		b.WriteByte('\n')
	}
	text := strings.TrimRight(strings.Repeat("\t", r.depth)+r.name+r.rest+r.comment, " \t")
	b.WriteString(text)
	b.WriteByte('\n')
}

// together tells whether two lines belong to one table.
func together(a, b row) bool {
	return !b.blank && a.depth == b.depth && a.depth > 0 && tabular(a) && tabular(b)
}

// tabular tells whether a line is an item of a block rather than a declaration's head, a call's clause or a comment.
// Documentation and comments stand between items without breaking the table.
func tabular(r row) bool {
	if len(r.tokens) == 0 || r.tokens[0].Type == syntax.Doc {
		return true
	}
	t := r.tokens[0]
	if len(r.tokens) < 2 || slices.ContainsFunc(r.tokens, func(t lexer.Token) bool { return t.Value == "{" }) {
		return false
	}
	return t.Type == syntax.Ident || t.Type == syntax.String
}

// split cuts a line after its first token, if it is an item of a block.
func split(l line) row {
	r := row{line: l, rest: spaced(l.tokens)}
	if l.depth == 0 || len(l.tokens) < 2 || !tabular(r) || l.tokens[0].Type == syntax.Doc {
		return r
	}
	r.name, r.rest = l.tokens[0].Value, spaced(l.tokens[1:])
	if tight(l.tokens[0], l.tokens[1]) {
		r.name, r.rest = "", spaced(l.tokens)
	}
	return r
}

// align pads the columns of a table.
func align(rows []row) {
	name, rest := 0, 0
	for _, r := range rows {
		name = max(name, utf8.RuneCountInString(r.name))
	}
	for i := range rows {
		if r := &rows[i]; r.name != "" {
			r.name += strings.Repeat(" ", name-utf8.RuneCountInString(r.name)+1)
		}
		if r := rows[i]; r.comment != "" && len(r.tokens) > 0 {
			rest = max(rest, utf8.RuneCountInString(r.name+r.rest))
		}
	}
	for i := range rows {
		if r := &rows[i]; r.comment != "" && len(r.tokens) > 0 {
			r.rest += strings.Repeat(" ", rest-utf8.RuneCountInString(r.name+r.rest)+1)
		}
	}
}

// spaced joins tokens with a space wherever one belongs.
func spaced(tokens []lexer.Token) string {
	var b strings.Builder
	for i, t := range tokens {
		if i > 0 && !tight(tokens[i-1], t) {
			b.WriteByte(' ')
		}
		b.WriteString(text(t))
	}
	return b.String()
}

// text is a token as printed; `///x` becomes `/// x`.
func text(t lexer.Token) string {
	if t.Type == syntax.Doc && len(t.Value) > 3 && t.Value[3] != ' ' && t.Value[3] != '\t' {
		return "/// " + t.Value[3:]
	}
	return t.Value
}

// tight tells whether nothing comes between two tokens.
func tight(a, b lexer.Token) bool {
	if b.Type == syntax.Punct {
		switch b.Value {
		case ",", ")", "]", "[", ".":
			return true
		case "(":
			return a.Type == syntax.Ident
		case "}":
			return a.Value == "{" && a.Type == syntax.Punct
		}
	}
	if a.Type == syntax.Punct {
		switch a.Value {
		case "(", "[", ".", "-":
			return true
		}
	}
	return false
}
