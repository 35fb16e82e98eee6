package idl

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/format"
	"github.com/xenidc/idc/idl/syntax"
)

var fence = regexp.MustCompile("(?s)```idc\n(.*?)```")

// Every snippet of the reference compiles and is formatted. One that names no protocol is a part of a file.
func TestLanguageSnippets(t *testing.T) {
	doc, err := os.ReadFile("../docs/language.md")
	if err != nil {
		t.Fatal(err)
	}
	snippets := fence.FindAllStringSubmatch(string(doc), -1)
	if len(snippets) < 8 {
		t.Fatalf("only %d snippets found", len(snippets))
	}
	for _, m := range snippets {
		src := m[1]
		var diags diag.List
		if diff := cmp.Diff(string(format.Source("snippet.idc", []byte(src), &diags)), src); diff != "" {
			t.Errorf("not formatted: %v\n%s", diags.Err(), diff)
		}
		if !strings.Contains(src, "protocol ") {
			src = "protocol example\n" + src
		}
		if _, diags := Compile("snippet.idc", []byte(src)); !diags.Clean() {
			var out strings.Builder
			if err := diag.Render(&out, diags.Items(), func(string) string { return src }); err != nil {
				t.Fatal(err)
			}
			t.Errorf("%s\n%s", src, &out)
		}
	}
}

// The reference's grammar is the parser's.
func TestLanguageGrammar(t *testing.T) {
	doc, err := os.ReadFile("../docs/language.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(doc), "```ebnf\n")
	got, _, _ := strings.Cut(rest, "```")
	if diff := cmp.Diff(syntax.Grammar()+"\n", got); diff != "" {
		t.Errorf("docs/language.md has another grammar:\n%s", diff)
	}
}
