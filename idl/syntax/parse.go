package syntax

import (
	"errors"
	"io"
	"slices"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"github.com/xenidc/idc/idl/diag"
)

// File is a parsed protocol file.
type File struct {
	Name   string
	Source string
	Decls  []*Decl       // those that could be parsed
	Tokens []lexer.Token // all of them, comments included
	// Broken is what the declarations that couldn't be parsed would have declared: the kind by the name. Whoever misses
	// them knows that they have been complained about.
	Broken map[string]string
}

// parser and strict are built once; building reflects over the whole grammar.
var (
	parser = participle.MustBuild[Decl](participle.Lexer(definition{symbols}), participle.UseLookahead(lookahead))
	// strict never takes a step back, so it often fails nearer to the mistake. It is asked only where parser failed.
	strict = participle.MustBuild[Decl](participle.Lexer(definition{symbols}), participle.UseLookahead(0))
)

// Grammar is the grammar as EBNF: one production per line, words and signs in quotes, `<doc>`, `<ident>`, `<number>`,
// `<string>` and `<eol>` for the tokens.
func Grammar() string { return parser.String() }

// lookahead is the most tokens that the grammar needs to choose: `length of data` against the field `length`.
const lookahead = 2

// mostSource is the longest file that is read, in bytes. The compiler uses about 150 times as much memory.
const mostSource = 4 << 20

// Parse reads one file. It always returns a File, which lacks the declarations that diags complains about.
func Parse(name string, src []byte, diags *diag.List) *File {
	f := &File{Name: name, Source: string(src), Broken: map[string]string{}}
	if len(src) > mostSource {
		at := diag.Span{File: name, End: 1, Line: 1, Column: 1}
		diags.Add(diag.Syntax, at, "the file has %d bytes", len(src)).
			Because("a protocol of more than %d would take the memory of the machine", mostSource).Try("check that this is a protocol file")
		return f
	}
	f.Tokens = scan(name, f.Source, diags)
	for _, chunk := range split(f.Tokens) {
		if d := parseDecl(chunk, diags); d != nil {
			f.Decls = append(f.Decls, d)
		} else if kind, name := headOf(chunk); kind != "" {
			f.Broken[name] = kind
		}
	}
	return f
}

func parseDecl(tokens []lexer.Token, diags *diag.List) *Decl {
	decl, err := parseWith(parser, tokens)
	if err == nil {
		return decl
	}
	if _, nearer := parseWith(strict, tokens); offset(nearer) > offset(err) {
		err = nearer
	}
	report(tokens, err, diags)
	return nil
}

func parseWith(p *participle.Parser[Decl], tokens []lexer.Token) (*Decl, error) {
	peeker, err := lexer.Upgrade(&replay{tokens: tokens})
	if err != nil {
		return nil, err // a replay doesn't fail
	}
	return p.ParseFromLexer(peeker)
}

// offset is where a parser gave up.
func offset(err error) int {
	var at participle.Error
	if !errors.As(err, &at) {
		return -1
	}
	return at.Position().Offset
}

// starters are the words that begin a declaration.
var starters = []string{"protocol", "device", "abi", "const", "unit", "enum", "bits", "struct", "segment", "union", "ring",
	"keys", "transaction", "message", "reserved", "region", "frozen", "open", "status", "stream"}

// split cuts the tokens into declarations. A line outside all braces begins a new one, and so does what can only be the head of a
// declaration in the first column inside braces, since whoever wrote it surely forgot the closing brace.
func split(tokens []lexer.Token) (chunks [][]lexer.Token) {
	var chunk []lexer.Token
	depth := 0
	flush := func() {
		if slices.ContainsFunc(chunk, func(t lexer.Token) bool { return t.Type != EOL }) {
			chunks = append(chunks, tidy(chunk))
		}
		chunk, depth = nil, 0
	}
	fresh := true // at the start of a line
	docs := 0     // tokens of documentation that have been looked behind
	for i, t := range tokens {
		if t.Type == Comment {
			continue
		}
		if depth > 0 && fresh && t.Pos.Column == 1 && i >= docs && startsDecl(tokens[i:], &docs, i) {
			flush()
		}
		chunk = append(chunk, t)
		fresh = t.Type == EOL || t.Type == Doc || t.Value == "{"
		switch {
		case t.Type == Punct && t.Value == "{":
			depth++
		case t.Type == Punct && t.Value == "}":
			depth = max(0, depth-1)
		case t.Type == EOL && depth == 0:
			flush()
		}
	}
	flush()
	return chunks
}

// startsDecl tells whether tokens begin with the head of a declaration that no item in braces looks like. docs becomes the index
// behind documentation that stands in front, where the first token has index at.
func startsDecl(tokens []lexer.Token, docs *int, at int) bool {
	for len(tokens) > 0 && (tokens[0].Type == Doc || tokens[0].Type == Comment) {
		tokens, at = tokens[1:], at+1
		*docs = at
	}
	for len(tokens) > 0 && tokens[0].Type == Ident && slices.Contains([]string{"frozen", "open", "status", "stream"}, tokens[0].Value) {
		tokens = tokens[1:]
	}
	if len(tokens) < 4 || tokens[0].Type != Ident || tokens[0].Pos.Column > tokens[1].Pos.Column {
		return false
	}
	second, third, fourth := tokens[1], tokens[2].Value, tokens[3].Value
	switch tokens[0].Value {
	case "transaction", "message":
		return third == "("
	case "struct", "segment", "union", "ring":
		return third == "{" || third == "size"
	case "enum", "bits":
		return fourth == "{"
	case "keys":
		return second.Value == "from"
	case "const":
		return third == "=" || third == "in"
	case "unit":
		return third == "="
	case "region":
		return third == "size"
	case "device":
		return second.Type == String
	}
	return false
}

// tidy drops the ends of lines that separate nothing: after an opening and before a closing bracket.
func tidy(chunk []lexer.Token) []lexer.Token {
	out := chunk[:0:0]
	for i, t := range chunk {
		if t.Type == EOL {
			if len(out) == 0 || out[len(out)-1].Value == "{" {
				continue
			}
			if i+1 < len(chunk) && (chunk[i+1].Value == "}" || chunk[i+1].Type == EOL) {
				continue
			}
		}
		out = append(out, t)
	}
	return out
}

// replay is participle's view of tokens that are already there.
type replay struct {
	tokens []lexer.Token
	at     int
}

// Next returns the tokens one by one, then EOF for ever, placed behind the last.
func (r *replay) Next() (lexer.Token, error) {
	if r.at < len(r.tokens) {
		r.at++
		return r.tokens[r.at-1], nil
	}
	var end lexer.Position
	for n := len(r.tokens) - 1; n >= 0; n-- {
		last := r.tokens[n]
		if last.Type == EOL {
			continue
		}
		end = last.Pos
		end.Offset += len(last.Value)
		end.Column += len(last.Value)
		break
	}
	return lexer.EOFToken(end), nil
}

// definition tells participle the names of the token types. Its Lex is used by nothing but participle's own checks.
type definition struct{ symbols map[string]lexer.TokenType }

func (d definition) Symbols() map[string]lexer.TokenType { return d.symbols }

func (definition) Lex(name string, r io.Reader) (lexer.Lexer, error) {
	src, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var diags diag.List
	tokens := scan(name, string(src), &diags)
	if diags.Failed() {
		return nil, errors.Join(diags.Err())
	}
	return &replay{tokens: slices.DeleteFunc(tokens, func(t lexer.Token) bool { return t.Type == Comment })}, nil
}
