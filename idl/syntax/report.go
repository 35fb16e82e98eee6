package syntax

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"github.com/xenidc/idc/idl/diag"
)

// report turns the parser's complaint about one declaration into a diagnostic.
func report(tokens []lexer.Token, err error, diags *diag.List) {
	var unexpected *participle.UnexpectedTokenError
	if !errors.As(err, &unexpected) {
		first := tokens[0]
		diags.Add(diag.Syntax, SpanOf(first), "this declaration can't be read").Because("%s", err)
		return
	}
	bad := unexpected.Unexpected
	if diags.Full() {
		diags.Add(diag.Syntax, SpanOf(bad), "")
		return // what should be here takes long to find
	}
	d := diags.Add(diag.Syntax, SpanOf(bad), "%s doesn't belong here", spell(bad))
	what := declName(tokens)
	if expect := expected(unexpected); expect != "" {
		d.Because("in %s, %s should be here", what, expect)
	} else {
		d.Because("%s doesn't go on like that", what)
	}
	suggest(d, bad, tokens)
}

func suggest(d *diag.Diagnostic, bad lexer.Token, tokens []lexer.Token) {
	before := tokens[:slices.IndexFunc(append(slices.Clone(tokens), bad), func(t lexer.Token) bool { return t.Pos == bad.Pos })]
	open := unclosed(before)
	last := lexer.Token{}
	if len(before) > 0 {
		last = before[len(before)-1]
	}
	switch {
	case last.Type == Ident && last.Value == "bulk":
		suggestBulk(d, tokens)
	case open != nil && (bad.Type == lexer.EOF || bad.Type == EOL && open.Value != "{"):
		d.Try("close it by `%s`", closing[open.Value]).Note(SpanOf(*open), "opened here")
	case bad.Type == Doc:
		d.Try("put documentation on the lines before what it describes, or use `//`")
	case bad.Pos == tokens[0].Pos:
		d.Try("start with one of %s", strings.Join(starters, ", "))
	case open != nil && open.Value != "{":
		d.Try("see the grammar of %s in docs/language.md, or close the bracket", declName(tokens)).Note(SpanOf(*open), "opened here")
	default:
		d.Try("see the grammar of %s in docs/language.md", declName(tokens))
	}
}

// suggestBulk says where a bulk may stand.
func suggestBulk(d *diag.Diagnostic, tokens []lexer.Token) {
	switch kind, _ := headOf(tokens); kind {
	case "transaction", "message":
		d.Because("a bulk says which way its data go").Try("write `bulk from front`, `bulk from back` or `bulk both ways`")
	default:
		d.Because("a bulk is lent for as long as a transaction lasts, so it is an argument of one, and nothing else").
			Try("write `transaction NAME(DATA bulk from front up to 1 MiB)`")
	}
}

var closing = map[string]string{"{": "}", "(": ")", "[": "]"}

// unclosed finds the innermost bracket that nothing closes.
func unclosed(tokens []lexer.Token) *lexer.Token {
	var stack []int
	for i, t := range tokens {
		switch {
		case t.Type != Punct:
		case closing[t.Value] != "":
			stack = append(stack, i)
		case len(stack) > 0 && t.Value == closing[tokens[stack[len(stack)-1]].Value]:
			stack = stack[:len(stack)-1]
		}
	}
	if len(stack) == 0 {
		return nil
	}
	return &tokens[stack[len(stack)-1]]
}

// headOf finds the words that a declaration begins with: its kind, and the name or word after that.
func headOf(tokens []lexer.Token) (kind, name string) {
	for i, t := range tokens {
		if t.Type != Ident {
			continue
		}
		switch t.Value {
		case "frozen", "open", "status", "stream":
			continue
		}
		if i+1 < len(tokens) && tokens[i+1].Type == Ident {
			name = tokens[i+1].Value
		}
		return t.Value, name
	}
	return "", ""
}

func declName(tokens []lexer.Token) string {
	switch kind, name := headOf(tokens); {
	case kind == "":
		return "a declaration"
	case name == "":
		return fmt.Sprintf("`%s`", kind)
	default:
		return fmt.Sprintf("`%s %s`", kind, name)
	}
}

func spell(t lexer.Token) string {
	switch t.Type {
	case lexer.EOF:
		return "the end of the declaration"
	case EOL:
		return "the end of the line"
	case Doc:
		return "a doc comment"
	}
	return "`" + t.Value + "`"
}

// productions are the grammar's names of what can't be spelled out.
var productions = map[string]string{
	"Name": "a name", "Path": "a name", "Str": "text in quotes", "Value": "a number or constant", "Type": "a type",
	"Bound": "a number or a key in quotes", "Source": "a value", "KeyType": "a type", "Param": "an argument",
}

// expected is the first thing that the parser would have accepted, or "" if that can't be said in a few words.
func expected(err *participle.UnexpectedTokenError) string {
	_, text, _ := strings.Cut(err.Message(), " (expected ")
	first, _, _ := strings.Cut(strings.TrimSuffix(text, ")"), " ")
	switch first {
	case `"}"`:
		return "a comma, the end of the line or `}`"
	case `")"`:
		return "a comma or `)`"
	}
	if len(first) > 2 && first[0] == '"' && first[len(first)-1] == '"' {
		return "`" + strings.Trim(first, `"`) + "`"
	}
	return productions[first]
}

// SpanOf is the place of a token.
func SpanOf(t lexer.Token) diag.Span { return At(t.Pos, len(strings.TrimRight(t.Value, "\n"))) }

// At is a span of n bytes from a position.
func At(p lexer.Position, n int) diag.Span {
	return diag.Span{File: p.Filename, Offset: p.Offset, End: p.Offset + n, Line: p.Line, Column: p.Column}
}
