package batch

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/xenidc/idc/cmd/idcgen/internal/reading"
)

// structs has a C compiler lay out every struct and union that both know, and compares offsets and sizes. Without one that
// builds for both word sizes there is nothing to compare with.
func (b *tree) structs(made []*compiled) {
	b.Helper()
	if _, err := exec.LookPath("gcc"); err != nil || len(made) == 0 {
		return
	}
	for abi, flag := range map[string]string{"x86_64": "-m64", "x86_32": "-m32"} {
		var file bytes.Buffer
		file.WriteString("#include <stddef.h>\n#include <stdint.h>\n")
		for _, m := range made {
			l, err := reading.Parse(m.layout)
			if err != nil {
				b.Fatal(err)
			}
			cStructs(&file, m.Name, l, abi)
		}
		path := filepath.Join(b.TempDir(), abi+".c")
		if err := os.WriteFile(path, file.Bytes(), 0o644); err != nil {
			b.Fatal(err)
		}
		out, err := exec.CommandContext(b.ctx, "gcc", flag, "-fsyntax-only", "-fmax-errors=0", path).CombinedOutput()
		if err != nil && !b.asserted(made, abi, out) {
			b.Fatalf("gcc %s: %v\n%s", flag, err, clip(out))
		}
	}
}

var assertion = regexp.MustCompile(`static assertion failed: "(\w+): ([^"]*)"`)

// asserted files what the C compiler says otherwise.
func (b *tree) asserted(made []*compiled, abi string, out []byte) (any bool) {
	for _, f := range assertion.FindAllStringSubmatch(string(out), -1) {
		for _, m := range made {
			if m.Name == f[1] {
				m.fail(Misplaced, "a C compiler doesn't have on %s: %s", abi, f[2])
				any = true
			}
		}
	}
	return any
}

// cStructs declares the records of one ABI, inner ones first, with what the layout says about them.
func cStructs(b *bytes.Buffer, prefix string, l *reading.Layout, abi string) {
	done := map[string]bool{}
	var declare func(r *reading.Record)
	declare = func(r *reading.Record) {
		if done[r.Name] {
			return
		}
		done[r.Name] = true
		for _, f := range r.Fields {
			if t, err := reading.TypeOf(f.Type); err == nil {
				if inner := l.Record(t.Name, abi); inner != nil && inner.Size > 0 {
					declare(inner)
				}
			}
		}
		cRecord(b, prefix, l, r)
	}
	for i := range l.Records {
		if r := &l.Records[i]; r.ABI == abi && r.Size > 0 { // gcc walks through empty structs in empty structs, one by one
			declare(&l.Records[i])
		}
	}
}

func cRecord(b *bytes.Buffer, prefix string, l *reading.Layout, r *reading.Record) {
	word := "struct"
	if r.Kind == "union" {
		word = "union"
	}
	name := prefix + "_" + r.Name
	fmt.Fprintf(b, "%s %s {\n", word, name)
	end := 0
	for i, f := range r.Fields {
		if f.Placed && f.Offset > end {
			fmt.Fprintf(b, "\tchar gap%d[%d];\n", i, f.Offset-end)
		}
		end = f.Offset + f.Size
		fmt.Fprintf(b, "\t%s;\n", cField(prefix, l, r.ABI, f.Type, fmt.Sprintf("f%d", i)))
	}
	b.WriteString("};\n")
	assert := func(expr string, n int, what string) {
		fmt.Fprintf(b, "_Static_assert(%s == %d, \"%s: %s is %d\");\n", expr, n, prefix, what, n)
	}
	assert(fmt.Sprintf("sizeof(%s %s)", word, name), r.Size, "size of "+r.Name)
	if len(r.Fields) > 0 {
		assert(fmt.Sprintf("_Alignof(%s %s)", word, name), r.Align, "alignment of "+r.Name)
	}
	for i, f := range r.Fields {
		assert(fmt.Sprintf("offsetof(%s %s, f%d)", word, name, i), f.Offset, "offset of "+r.Name+"."+f.Name)
		assert(fmt.Sprintf("sizeof(((%s %s *)0)->f%d)", word, name, i), f.Size, "size of "+r.Name+"."+f.Name)
	}
}

// cField declares a field.
func cField(prefix string, l *reading.Layout, abi, typ, name string) string {
	t, err := reading.TypeOf(typ)
	if err != nil {
		return "#error " + err.Error()
	}
	base := ""
	size, signed, isNumber := l.Number(t.Name)
	switch inner := l.Record(t.Name, abi); {
	case isNumber && signed:
		base = fmt.Sprintf("int%d_t", 8*size)
	case isNumber:
		base = fmt.Sprintf("uint%d_t", 8*size)
	case t.Name == "buffer":
		if t.Array {
			return fmt.Sprintf("uint32_t %s[%d][4]", name, t.N)
		}
		return fmt.Sprintf("uint32_t %s[4]", name)
	case t.Name == "bytes", t.Name == "string":
		return fmt.Sprintf("char %s[%d]", name, t.N)
	case inner != nil && inner.Size == 0:
		return fmt.Sprintf("char %s[0]", name)
	case inner != nil && inner.Kind == "union":
		base = "union " + prefix + "_" + t.Name
	default:
		base = "struct " + prefix + "_" + t.Name
	}
	if t.Array {
		return strings.TrimSpace(fmt.Sprintf("%s %s[%d]", base, name, t.N))
	}
	return base + " " + name
}
