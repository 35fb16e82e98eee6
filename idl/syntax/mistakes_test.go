package syntax_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xenidc/idc/idl"
)

// What is written wrongly is said where it is, and nothing that follows is taken for a part of it.
func TestMistakes(t *testing.T) {
	const bulkIs = "a bulk is lent for as long as a transaction lasts, so it is an argument of one, and nothing else"
	for _, c := range []struct{ src, where, cause, fix string }{
		{"transaction a(x u8\n\n/// B.\ntransaction b(y u8)", "2:19", "in `transaction a`, a comma or `)` should be here", "close it by `)`"},
		{"transaction a(x u8,\n/// B.\n/// Really.\ntransaction b(y u8)", "2:20", "in `transaction a`, a comma or `)` should be here", "close it by `)`"},
		{"message a(x u8\nfrozen struct b { y u8 }", "2:15", "in `message a`, a comma or `)` should be here", "close it by `)`"},
		{"transaction a(x u8\nkeys from back { \"x\" u32 default 1 }", "2:19", "in `transaction a`, a comma or `)` should be here", "close it by `)`"},
		{"transaction a(x u8", "2:19", "in `transaction a`, a comma or `)` should be here", "close it by `)`"},
		{"transaction a(x u8) -> (y u8\nconst z = 1", "2:29", "in `transaction a`, a comma or `)` should be here", "close it by `)`"},
		{"transaction a(x u8 replay", "2:20", "in `transaction a`, a comma or `)` should be here", "see the grammar of `transaction a` in docs/language.md, or close the bracket"},
		{"transaction a(x u8[4)", "2:21", "in `transaction a`, `]` should be here", "see the grammar of `transaction a` in docs/language.md, or close the bracket"},
		{"struct a {\n\tx u8", "3:6", "in `struct a`, a comma, the end of the line or `}` should be here", "close it by `}`"},
		{"struct a { x bulk from front }", "2:19", bulkIs, "write `transaction NAME(DATA bulk from front up to 1 MiB)`"},
		{"union a { x bulk both ways }", "2:18", bulkIs, "write `transaction NAME(DATA bulk from front up to 1 MiB)`"},
		{"struct a { x bulk }", "2:14", bulkIs, "write `transaction NAME(DATA bulk from front up to 1 MiB)`"},
		{"keys from back { \"x\" bulk }", "2:22", bulkIs, "write `transaction NAME(DATA bulk from front up to 1 MiB)`"},
		{"transaction a(x bulk)", "2:17", "a bulk is read by the back, filled by it, or both", "write `bulk from front`, `bulk from back` or `bulk both ways`"},
		{"transaction a(x bulk up to 4 KiB)", "2:17", "a bulk is read by the back, filled by it, or both", "write `bulk from front`, `bulk from back` or `bulk both ways`"},
	} {
		src := "protocol p\n" + c.src + "\n"
		_, diags := idl.Compile("p.idc", []byte(src))
		var list []string
		for _, d := range diags.Items() {
			if d.Severity == "error" {
				list = append(list, fmt.Sprintf("%d:%d\n%s\n%s", d.Span.Line, d.Span.Column, d.Cause, d.Fix))
			}
		}
		if diff := cmp.Diff(c.where+"\n"+c.cause+"\n"+c.fix, strings.Join(list, "\n\n")); diff != "" {
			t.Errorf("%s\n%s", c.src, diff)
		}
	}
}

// Arguments on lines of their own, named as declarations begin, are arguments.
func TestArgumentsThatLookLikeDeclarations(t *testing.T) {
	const src = "protocol p\n/// A.\ntransaction a(\nstatus2 u8,\n/// B.\nconst u8,\nunit u8,\nstruct u16,\ntransaction u32,\nkeys u32,\n\n/// C.\nring u32,\nabi u8)\n"
	if p, diags := idl.Compile("p.idc", []byte(src)); diags.Failed() || len(p.Transactions[0].Params) != 8 {
		t.Error(diags.Err())
	}
}
