// Package format writes protocol files in their one canonical way.
//
// It works on tokens, which keep every comment, and never adds or drops one of them: what it changes is only the space
// between. So its result means what the input means, by construction.
//
//   - tabs indent; one item per line stays one item per line, a block on one line stays on one line
//   - fields, values and keys that follow each other line up: names, then what is said about them, then comments
//   - at most one empty line in a row, none at the start or end of a block
package format

import (
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/syntax"
)

// Source formats a file's text. If it doesn't parse, the result is nil and diags says why.
func Source(name string, src []byte, diags *diag.List) []byte {
	file := syntax.Parse(name, src, diags)
	if diags.Failed() {
		return nil
	}
	return []byte(print(lines(file.Tokens)))
}

// line is one line of the output.
type line struct {
	depth   int
	tokens  []lexer.Token // without comments and ends of lines
	comment string        // at its end, or alone if there are no tokens
	blank   bool          // an empty line comes before
}

// lines groups the tokens into the lines that they will stand on: the same that they stood on.
func lines(tokens []lexer.Token) (out []line) {
	depth, last := 0, 0
	var cur *line
	for _, t := range tokens {
		if t.Type == syntax.EOL {
			continue
		}
		if cur == nil || t.Pos.Line != last {
			out = append(out, line{blank: cur != nil && t.Pos.Line > last+1})
			cur = &out[len(out)-1]
			cur.depth = depth
			if closes(t) {
				cur.depth--
			}
		}
		last = t.Pos.Line
		switch {
		case t.Type == syntax.Comment:
			cur.comment = tidyComment(t.Value)
		default:
			cur.tokens = append(cur.tokens, t)
		}
		depth += opens(t)
	}
	continued(out)
	return trim(out)
}

// opens is +1 for an opening bracket that indents what follows, -1 for a closing one.
func opens(t lexer.Token) int {
	if t.Type != syntax.Punct {
		return 0
	}
	switch t.Value {
	case "{", "(", "[":
		return 1
	case "}", ")", "]":
		return -1
	}
	return 0
}

func closes(t lexer.Token) bool { return opens(t) < 0 }

// continued indents lines that go on with the item of the line before without being in brackets.
func continued(list []line) {
	prev := -1
	for i := range list {
		if len(list[i].tokens) == 0 {
			continue
		}
		if list[i].tokens[0].Value == "->" || prev >= 0 && goesOn(list[prev]) {
			list[i].depth++
		}
		prev = i
	}
}

// goesOn tells whether a line can't be the end of an item.
func goesOn(l line) bool {
	switch last := l.tokens[len(l.tokens)-1]; last.Value {
	case "=", "->", ".", "-":
		return last.Type == syntax.Punct
	}
	return false
}

// tidyComment makes `//x` into `// x`.
func tidyComment(s string) string {
	body := strings.TrimLeft(s, "/")
	slashes := s[:len(s)-len(body)]
	if body != "" && body[0] != ' ' && body[0] != '\t' && slashes == "//" {
		return slashes + " " + body
	}
	return s
}

// trim drops empty lines at the start of the file and next to braces, and adds none.
func trim(list []line) []line {
	for i := range list {
		if i == 0 || opensBlock(list[i-1]) || closesBlock(list[i]) {
			list[i].blank = false
		}
		list[i].depth = max(0, list[i].depth)
	}
	return list
}

func opensBlock(l line) bool {
	return len(l.tokens) > 0 && opens(l.tokens[len(l.tokens)-1]) > 0
}

func closesBlock(l line) bool { return len(l.tokens) > 0 && closes(l.tokens[0]) }
