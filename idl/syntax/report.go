package syntax

import (
	"errors"
	"fmt"
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
	d := diags.Add(diag.Syntax, SpanOf(bad), "%s doesn't belong here", spell(bad))
	what := declName(tokens)
	if expect := tidyExpect(unexpected.Expect); expect != "" {
		d.Because("in %s, %s should follow here", what, expect)
	} else {
		d.Because("%s doesn't go on like that", what)
	}
	suggest(d, bad, tokens)
}

func suggest(d *diag.Diagnostic, bad lexer.Token, tokens []lexer.Token) {
	open := unclosed(tokens)
	switch {
	case bad.Type == lexer.EOF && open != nil:
		d.Try("close the brace").Note(SpanOf(*open), "opened here")
	case bad.Type == Doc:
		d.Try("put documentation on the lines before what it describes, or use `//`")
	case bad.Pos == tokens[0].Pos:
		d.Try("start with one of %s", strings.Join(starters, ", "))
	default:
		d.Try("see the grammar of %s in docs/language.md", declName(tokens))
	}
}

// unclosed finds the innermost brace that nothing closes.
func unclosed(tokens []lexer.Token) *lexer.Token {
	var stack []int
	for i, t := range tokens {
		switch {
		case t.Type != Punct:
		case t.Value == "{":
			stack = append(stack, i)
		case t.Value == "}" && len(stack) > 0:
			stack = stack[:len(stack)-1]
		}
	}
	if len(stack) == 0 {
		return nil
	}
	return &tokens[stack[len(stack)-1]]
}

func declName(tokens []lexer.Token) string {
	for i, t := range tokens {
		if t.Type != Ident {
			continue
		}
		switch t.Value {
		case "frozen", "open", "status", "stream":
			continue
		}
		if i+1 < len(tokens) && tokens[i+1].Type == Ident {
			return fmt.Sprintf("`%s %s`", t.Value, tokens[i+1].Value)
		}
		return fmt.Sprintf("`%s`", t.Value)
	}
	return "a declaration"
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

// tidyExpect makes participle's EBNF fragment readable, or gives up on it.
func tidyExpect(s string) string {
	s = strings.NewReplacer("<ident>", "a name", "<string>", "text in quotes", "<number>", "a number", "<eol>",
		"the end of the line", `"`, "`").Replace(s)
	if len(s) > 60 || strings.ContainsAny(s, "()?*|") {
		return ""
	}
	return s
}

// SpanOf is the place of a token.
func SpanOf(t lexer.Token) diag.Span { return At(t.Pos, len(strings.TrimRight(t.Value, "\n"))) }

// At is a span of n bytes from a position.
func At(p lexer.Position, n int) diag.Span {
	return diag.Span{File: p.Filename, Offset: p.Offset, End: p.Offset + n, Line: p.Line, Column: p.Column}
}
