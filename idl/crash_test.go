package idl

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/format"
	"github.com/xenidc/idc/idl/layout"
	"github.com/xenidc/idc/idl/schema"
)

// lines writes n lines, each of its number.
func lines(n int, format string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(strings.ReplaceAll(format, "#", strconv.Itoa(i+1)), "@", strconv.Itoa(i)))
		b.WriteByte('\n')
	}
	return b.String()
}

// larges are protocols that are larger than anybody writes, and small ones that mean something large.
func larges(n int) map[string]func() string {
	const head = "protocol p\nstatus enum status u32 { ok = 0 means success, bad = 1 means failure }\n" +
		"struct response { id u32, status status }\nkeys from front by initialised { \"ref\" gref, \"evt\" port }\n"
	const drawn = head + "struct request { id u32, op u32, x u32 }\n" +
		"ring r { request request, response response, tag op, id id, pages \"ref\", channel \"evt\" }\n"
	return map[string]func() string{
		"structs in structs":   func() string { return "protocol p\nstruct s0 { a u8 }\n" + lines(n, "struct s# { x s@ }") },
		"empty structs, twice": func() string { return "protocol p\nstruct s0 {}\n" + lines(40, "struct s# { x s@, y s@ }") },
		"values":               func() string { return "protocol p\nenum e u32 {\n" + lines(n, "v# = #") + "}\n" },
		"values of one number": func() string { return "protocol p\nenum e u32 {\n" + lines(n, "v# = 1") + "}\n" },
		"values of one name":   func() string { return "protocol p\nenum e u32 {\n" + lines(n, "v = #") + "}\n" },
		"reserved numbers": func() string {
			return "protocol p\nenum e u32 {\n" + lines(n, "\treserved # to 4000000") + lines(n, "\tv# = #") + "}\n"
		},
		"constants in constants": func() string { return "protocol p\nconst c0 = 1\n" + lines(n, "const c# = c@") },
		"constants in themselves": func() string {
			return "protocol p\n" + lines(n, "const c@ = c#") + "const c" + fmt.Sprint(n) + " = c0\n"
		},
		"fields":             func() string { return "protocol p\nstruct s {\n" + lines(n, "a# u8") + "}\n" },
		"counted fields":     func() string { return "protocol p\nstruct s {\n" + lines(n, "n# u8\na# u8[n#] up to 4") + "}\n" },
		"fields of one name": func() string { return "protocol p\nstruct s {\n" + lines(n, "a u8") + "}\n" },
		"members": func() string {
			return "protocol p\nunion u {\n" + lines(n, "a# u8 when #") + "}\nstruct s { t u32, u u by t }\n"
		},
		"groups of the same bits":  func() string { return "protocol p\nbits b u32 {\n" + lines(n, "b# = bit 1") + "}\n" },
		"transactions":             func() string { return "protocol p\n" + lines(n, "transaction t#(a u8)") },
		"drawn transactions":       func() string { return drawn + lines(n, "transaction t#(x) { form d request { op = # } }") },
		"transactions alike":       func() string { return drawn + lines(n, "transaction t#(x) { form d request { } }") },
		"forms of one transaction": func() string { return drawn + "transaction t(x) {\n" + lines(n, "form f# request { op = # }") + "}\n" },
		"arguments":                func() string { return "protocol p\ntransaction t(\n" + lines(n, "a# u8,") + ")\n" },
		"keys":                     func() string { return "protocol p\nkeys from back {\n" + lines(n, "\"k#\" u32 default 1") + "}\n" },
		"keys as keys": func() string {
			return "protocol p\nkeys from back {\n\"k0\" u32 default 1\n" + lines(n, "\"k#\" u32 default as \"k@\"") + "}\n"
		},
		"keys in a circle": func() string {
			return "protocol p\nkeys from back {\n\"k0\" u32 default as \"k1\"\n" + lines(n, "\"k#\" u32 default as \"k@\"") + "}\n"
		},
		"unknown types": func() string { return "protocol p\n" + lines(n, "struct s# { a t# }") },
		"structs of a slot": func() string {
			return head + "struct r0 { id u32, op u32 }\n" + lines(n, "struct r# { id u32, op u32 }") + "ring r { request r0\nor r" + strings.TrimSpace(strings.Join(strings.Fields(strings.TrimSpace(lines(n, "r#"))), " or ")[1:]) + "\nresponse response, tag op, id id, pages \"ref\", channel \"evt\" }\n"
		},
		"tags": func() string {
			return head + "struct request {\nid u32\n" + lines(n, "t# u8") + "}\nring r { request request, response response, tag t1" + strings.ReplaceAll(lines(n, " and t#"), "\n", "") + ", id id, pages \"ref\", channel \"evt\" }\n"
		},
		"one line":   func() string { return strings.Repeat("$", n) },
		"one name":   func() string { return "protocol p\nstruct s { a " + strings.Repeat("x", n) + " }\n" },
		"one number": func() string { return "protocol p\nconst x = " + strings.Repeat("9", n) + "\n" },
		"brackets":   func() string { return strings.Repeat("{", n) + strings.Repeat("(", n) },
		"quotes":     func() string { return strings.Repeat("\"\n", n) },
		"a path":     func() string { return "protocol p\nstruct s { a u8[a" + strings.Repeat(".a", n) + "] up to 4 }\n" },
		"docs":       func() string { return "protocol p\n" + strings.Repeat("/// x\n", n) },
		"modifiers":  func() string { return strings.Repeat("frozen ", n) + "protocol p\n" },
		"open calls": func() string { return "protocol p\n" + lines(n, "transaction t#(a u8") },
		"zero bytes": func() string { return strings.Repeat("\x00", n) },
	}
}

// Twice the input takes about twice the time, whatever it is; what is said about it stays short.
func TestLargeInputs(t *testing.T) {
	for name, src := range larges(3000) {
		t.Run(name, func(t *testing.T) { large(t, src()) })
	}
}

// What would have taken for ever, or the memory of the machine, doesn't.
func TestVeryLargeInputs(t *testing.T) {
	for name, n := range map[string]int{"structs in structs": 20_000, "values": 1 << 16, "one line": 1 << 20, "one name": 1 << 20, "one number": 1 << 20} {
		t.Run(name, func(t *testing.T) { large(t, larges(n)[name]()) })
	}
}

func large(t *testing.T, src string) {
	p, diags := Vet("large.idc", []byte(src))
	var out bytes.Buffer
	if err := diag.Render(&out, diags.Items(), func(string) string { return src }); err != nil {
		t.Fatal(err)
	}
	if diags.Len() > diag.Most || out.Len() > 300_000 {
		t.Errorf("%d diagnostics of %d bytes", diags.Len(), out.Len())
	}
	var again diag.List
	format.Source("large.idc", []byte(src), &again)
	if !diags.Failed() {
		if err := layout.Of(p, schema.ABIs[:]).Write(io.Discard); err != nil {
			t.Error(err)
		}
	}
}

// A file that is too large isn't read, and one line says so.
func TestHugeInput(t *testing.T) {
	_, diags := Vet("huge.idc", bytes.Repeat([]byte("$\n"), 1<<22))
	if list := diags.Items(); len(list) != 1 || list[0].Message != "the file has 8388608 bytes" {
		t.Error(diags.Err())
	}
}

// A ring whose id can't be read, because a declaration that couldn't be parsed has the same name.
func TestBrokenID(t *testing.T) {
	src := "protocol p\nstruct request { x u32 }\nstruct response { y u32 }\nring r {\n\trequest request\n\tresponse response\n\tid id\n" +
		"\tpages \"ref\"\n\tchannel \"evt\"\n}\nkeys from front {\n\t\"ref\" gref\n\t\"evt\" port\n}\nconst id 3\n"
	_, diags := Vet("p.idc", []byte(src))
	if list := diags.Items(); len(list) != 1 || list[0].ID != diag.Syntax || list[0].Span.Line != 15 {
		t.Error(diags.Err())
	}
}
