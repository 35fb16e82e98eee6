package syntax

import (
	"errors"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/xenidc/idc/idl/diag"
)

// The types of tokens.
const (
	Ident lexer.TokenType = iota + 1
	Number
	String
	Doc     // one line of `///`, value without the slashes and the space after them
	Punct   // one of { } ( ) [ ] = , . - or ->
	EOL     // the end of an item; value "\n"
	Comment // `//`; never reaches the parser
)

var symbols = map[string]lexer.TokenType{
	"EOF": lexer.EOF, "Ident": Ident, "Number": Number, "String": String, "Doc": Doc, "Punct": Punct, "EOL": EOL,
	"Comment": Comment,
}

// scanner turns text into tokens. It can't fail: what it doesn't understand it reports and skips.
type scanner struct {
	file   string
	src    string
	at     int // next byte
	line   int
	start  int // offset of the line
	parens int
	seen   int           // in front of this, lines in parentheses have been looked at by declares
	tokens []lexer.Token // with comments, in order
	diags  *diag.List
}

// byteOrderMark is what some editors put in front of UTF-8. It means nothing.
const byteOrderMark = "\ufeff"

// wide tells whether a text begins with the byte order mark of UTF-16.
func wide(src string) bool {
	return strings.HasPrefix(src, "\xff\xfe") || strings.HasPrefix(src, "\xfe\xff")
}

// scan returns all tokens of src, comments included, without a final EOF.
func scan(file, src string, diags *diag.List) []lexer.Token {
	s := &scanner{file: file, src: src, line: 1, diags: diags, tokens: make([]lexer.Token, 0, len(src)/4+8)}
	if strings.HasPrefix(src, byteOrderMark) {
		s.at, s.start = len(byteOrderMark), len(byteOrderMark)
	}
	if wide(src) {
		diags.Add(diag.BadToken, s.spanOf(1), "this file isn't UTF-8").
			Because("it begins as UTF-16 does, and a protocol file is UTF-8").Try("save it as UTF-8")
		return nil
	}
	for s.at < len(s.src) {
		s.next()
	}
	return s.tokens
}

func (s *scanner) pos() lexer.Position {
	return lexer.Position{Filename: s.file, Offset: s.at, Line: s.line, Column: s.at - s.start + 1}
}

// emit files the n bytes at the cursor as a token.
func (s *scanner) emit(t lexer.TokenType, n int) {
	s.tokens = append(s.tokens, lexer.Token{Type: t, Value: s.src[s.at : s.at+n], Pos: s.pos()})
	s.at += n
}

func (s *scanner) next() {
	rest := s.src[s.at:]
	c := rest[0]
	switch {
	case c == '\n':
		s.newline()
	case c == ' ' || c == '\t' || c == '\r':
		s.at++
	case strings.HasPrefix(rest, "//"):
		s.comment(rest)
	case isLetter(c):
		s.emit(Ident, span(rest, isWord))
	case isDigit(c):
		s.number(rest)
	case c == '"':
		s.text(rest)
	case strings.HasPrefix(rest, "->"):
		s.dropEOL()
		s.emit(Punct, 2)
	case strings.IndexByte("{}()[]=,.-", c) >= 0:
		s.punct(c)
	default:
		s.unknown(rest)
	}
}

func (s *scanner) punct(c byte) {
	switch c {
	case '(':
		s.parens++
	case ')':
		s.parens = max(0, s.parens-1)
	case '{', '}':
		s.parens = 0 // a brace never stands inside parentheses: limit the damage of a missing one
	}
	s.emit(Punct, 1)
}

// newline ends the item, unless it obviously goes on.
func (s *scanner) newline() {
	forgotten := s.parens > 0 && s.declares()
	if forgotten {
		s.parens = 0
	}
	if forgotten || s.parens == 0 && s.endsItem() {
		s.emit(EOL, 1)
	} else {
		s.at++
	}
	s.line++
	s.start = s.at
}

// head is the beginning of a declaration that can't be the beginning of an argument.
var head = regexp.MustCompile(`^(?:(?:frozen|open|status|stream)[ \t]+)*(?:(?:transaction|message)[ \t]+\w+[ \t]*\(|` +
	`(?:struct|segment|union|ring)[ \t]+\w+[ \t]*\{|struct[ \t]+\w+[ \t]+size\b|(?:enum|bits)[ \t]+\w+[ \t]+\w+[ \t]*\{|` +
	`keys[ \t]+from[ \t]+\w+|const[ \t]+\w+[ \t]+(?:in\b|=)|unit[ \t]+\w+[ \t]+=|device[ \t]+"|protocol[ \t]+\w+[ \t\r]*\n)`)

// declares tells whether the line after the cursor begins a declaration, perhaps with its documentation: then a parenthesis
// before it isn't closed.
func (s *scanner) declares() bool {
	at := s.at + 1
	if at < s.seen {
		return false
	}
	for {
		line, rest, more := strings.Cut(s.src[at:], "\n")
		if !more || strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "///") {
			break
		}
		at = len(s.src) - len(rest)
	}
	s.seen = at
	return head.MatchString(s.src[at:min(len(s.src), at+200)])
}

// dropEOL takes the end of the line before an arrow back: no item begins with one.
func (s *scanner) dropEOL() {
	if n := len(s.tokens); n > 0 && s.tokens[n-1].Type == EOL {
		s.tokens = s.tokens[:n-1]
	}
}

func (s *scanner) endsItem() bool {
	i := len(s.tokens) - 1
	for i >= 0 && s.tokens[i].Type == Comment {
		i--
	}
	if i < 0 {
		return false
	}
	switch last := s.tokens[i]; last.Type {
	case EOL, Doc:
		return false
	case Punct:
		return last.Value == "}" || last.Value == ")" || last.Value == "]"
	}
	return true
}

func (s *scanner) comment(rest string) {
	n := strings.IndexByte(rest, '\n')
	if n < 0 {
		n = len(rest)
	}
	n = len(strings.TrimRight(rest[:n], " \t\r"))
	if strings.HasPrefix(rest, "///") && !strings.HasPrefix(rest, "////") {
		s.emit(Doc, n)
		return
	}
	s.emit(Comment, n)
}

func (s *scanner) number(rest string) {
	n := span(rest, isWord)
	if _, err := ParseNumber(rest[:n]); err != nil {
		d := s.diags.Add(diag.BadToken, s.spanOf(n), "`%s` is not a number", rest[:n]).Because("%s", err)
		if plain := strings.TrimLeft(rest[:n], "0_"); errors.Is(err, errOctal) && plain != "" {
			d.Try("write `%s`, or hexadecimal after `0x`", plain)
		} else {
			d.Try("write it as in `4096` or `0x1000`")
		}
		s.emit(Number, n)
		s.tokens[len(s.tokens)-1].Value = "1" // harmless nearly everywhere
		return
	}
	s.emit(Number, n)
}

func (s *scanner) text(rest string) {
	n := 1
	for n < len(rest) && rest[n] != '"' && rest[n] != '\n' {
		n++
	}
	if n < len(rest) && rest[n] == '"' {
		s.emit(String, n+1)
		return
	}
	s.diags.Add(diag.BadToken, s.spanOf(n), "the text has no closing quote").
		Because("a text ends on the line where it begins").Try("add `\"`")
	s.emit(String, n)
	s.tokens[len(s.tokens)-1].Value += `"`
}

func (s *scanner) unknown(rest string) {
	r, n := utf8.DecodeRuneInString(rest)
	what := string(r)
	if r == utf8.RuneError || !unicode.IsPrint(r) {
		what = strings.Trim(strings.ToLower(strconvQuote(rest[:n])), `"`)
	}
	d := s.diags.Add(diag.BadToken, s.spanOf(n), "`%s` has no meaning here", what).
		Because("names are made of ASCII letters, digits and `_`; other text belongs into quotes or comments")
	if r == ';' {
		d.Try("end the line instead")
	} else {
		d.Try("remove it")
	}
	s.at += n
}

func (s *scanner) spanOf(n int) diag.Span {
	p := s.pos()
	return diag.Span{File: s.file, Offset: p.Offset, End: p.Offset + n, Line: p.Line, Column: p.Column}
}

func span(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) }
