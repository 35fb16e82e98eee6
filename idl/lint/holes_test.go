package lint_test

import (
	"strings"
	"testing"

	"github.com/xenidc/idc/idl"
	"github.com/xenidc/idc/idl/diag"
)

// A protocol that does what is said about its holes has none, and is laid out as before.
func TestHoles(t *testing.T) {
	const head = "/// P.\nprotocol p\nabi x86_64\nabi x86_32\nabi arm\nstatus enum status u32 { ok = 0 means success, bad = 1 means failure }\n" +
		"struct request { id u32, more u32, a s }\nstruct response { id u32, status status }\n" +
		"ring r { request request, response response, id id, pages \"ref\", channel \"evt\" }\n" +
		"keys from front by initialised { \"ref\" gref, \"evt\" port }\n/// F.\ntransaction f(a, more) { form d request { } }\n"
	for _, c := range []struct{ before, message, fix, after string }{
		{"struct s { a u32, b u64 }", "`s` has 4 unused bytes before `b` on x86_64 and arm", "write `pad u8[4] on x86_64 and arm`, or reorder the fields",
			"struct s { a u32, pad u8[4] on x86_64 and arm, b u64 }"},
		{"struct s { a u8, b u64 }", "`s` has 7 unused bytes before `b` on x86_64 and arm and 3 unused bytes before `b` on x86_32",
			"write `pad u8[7] on x86_64 and arm` and `pad u8[3] on x86_32`, or reorder the fields",
			"struct s { a u8, pad u8[7] on x86_64 and arm, pad u8[3] on x86_32, b u64 }"},
		{"struct s { a u8, b u32 }", "`s` has 3 unused bytes before `b`", "write `pad u8[3]`, or reorder the fields", "struct s { a u8, pad u8[3], b u32 }"},
		{"struct s { b u64, a u32 }", "`s` has 4 unused bytes at the end on x86_64 and arm", "write `pad u8[4] on x86_64 and arm`, or reorder the fields",
			"struct s { b u64, a u32, pad u8[4] on x86_64 and arm }"},
		{"struct s { a u16, b u64 on x86_32, c u32 }", "`s` has 2 unused bytes before `b` on x86_32; `s` has 2 unused bytes before `c` on x86_64 and arm",
			"write `pad u8[2] on x86_32`, or reorder the fields; write `pad u8[2] on x86_64 and arm`, or reorder the fields",
			"struct s { a u16, pad u8[2] on x86_32, b u64 on x86_32, pad u8[2] on x86_64 and arm, c u32 }"},
	} {
		p, diags := idl.Vet("p.idc", []byte(head+c.before+"\n"))
		var messages, fixes []string
		for _, d := range diags.Items() {
			if d.ID == diag.HiddenHole {
				messages, fixes = append(messages, d.Message), append(fixes, d.Fix)
			}
		}
		if got := strings.Join(messages, "; "); got != c.message {
			t.Errorf("%s: %s", c.before, got)
		}
		if got := strings.Join(fixes, "; "); got != c.fix {
			t.Errorf("%s: %s", c.before, got)
		}
		q, diags := idl.Vet("p.idc", []byte(head+c.after+"\n"))
		if diags.Len() > 0 {
			t.Errorf("%s\n%v", c.after, diags.Items())
			continue
		}
		was, is := p.StructByName("s"), q.StructByName("s")
		for _, f := range was.Fields {
			if g := is.Field(f.Name); g.Offset != f.Offset {
				t.Errorf("%s: %s was at %v and is at %v", c.after, f.Name, f.Offset, g.Offset)
			}
		}
		if was.Size != is.Size {
			t.Errorf("%s: had %v bytes, has %v", c.after, was.Size, is.Size)
		}
	}
}
