package gen

import (
	"go/token"
	"strings"
	"unicode"
	"unicode/utf8"
)

// initialisms are words that Go writes in capitals.
var initialisms = map[string]string{"id": "ID", "abi": "ABI", "arm": "ARM", "usb": "USB", "url": "URL", "uuid": "UUID"}

// exported is the Go name of something that the protocol calls name: words begin
// with a capital, and what stood between them is gone.
func exported(name string) string {
	var b strings.Builder
	for _, w := range words(name) {
		if s := initialisms[w]; s != "" {
			b.WriteString(s)
			continue
		}
		r, n := utf8.DecodeRuneInString(w)
		b.WriteRune(unicode.ToUpper(r))
		b.WriteString(w[n:])
	}
	if s := b.String(); s != "" && !unicode.IsDigit(rune(s[0])) {
		return s
	}
	return "X" + b.String()
}

// unexported is exported with a small first word. It is never a word of the
// language or a name that the generated code needs.
func unexported(name string) string {
	ws := words(name)
	if len(ws) == 0 {
		return "x"
	}
	s := strings.ToLower(ws[0])
	if len(ws) > 1 {
		s += exported(strings.Join(ws[1:], "_"))
	}
	if token.IsKeyword(s) || reserved[s] {
		return s + "_"
	}
	return s
}

// fieldName is unexported for a field, which may be called like anything but a word
// of the language.
func fieldName(name string) string {
	s := unexported(name)
	if plain := strings.TrimSuffix(s, "_"); !token.IsKeyword(plain) {
		return plain
	}
	return s
}

// reserved are the names that generated functions use for themselves.
var reserved = map[string]bool{
	"abi": true, "b": true, "cap": true, "ctx": true, "done": true, "err": true, "f": true, "len": true, "m": true, "max": true,
	"min": true, "n": true, "ok": true, "r": true, "req": true, "rsp": true, "s": true, "segs": true, "status": true, "string": true,
	"t": true, "true": true, "false": true, "nil": true, "uint8": true, "uint16": true, "uint32": true, "uint64": true, "append": true,
	"atomic": true, "binary": true, "cmp": true, "context": true, "fmt": true, "idc": true, "strconv": true, "bool": true, "copy": true,
	"bytes": true, "errors": true, "reflect": true, "testing": true, "idctest": true, "result": true,
	"back": true, "end": true, "slots": true, "keys": true, "most": true, "protocol": true,
}

func words(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// sentence turns a doc comment into one that begins with the name it documents:
// "Reads sectors." becomes "Read reads sectors."; other comments get verb between.
func sentence(name, verb, doc string) string {
	if doc == "" {
		return ""
	}
	first, rest, _ := strings.Cut(doc, " ")
	if verb == "" {
		if rest == "" {
			return name + ": " + doc
		}
		return name + " " + lower(first) + " " + rest
	}
	if verb == "says" && !asks[first] {
		verb = "is"
	}
	return name + " " + verb + " " + lower(doc)
}

// asks are the words that begin an indirect question.
var asks = map[string]bool{"How": true, "What": true, "Whether": true, "Where": true, "Which": true, "Who": true, "Why": true}

// lower makes the first letter small, unless the word is all capitals.
func lower(s string) string {
	if len(s) > 1 && unicode.IsUpper(rune(s[1])) {
		return s
	}
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[n:]
}
