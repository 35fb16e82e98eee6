package idl

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/format"
	"github.com/xenidc/idc/idl/internal/golden"
)

// example reads a file of testdata/diag and vets it under its base name, as the documentation shows it.
func example(t *testing.T, id diag.ID, name string) (src string, list []*diag.Diagnostic) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata/diag", string(id), name))
	if err != nil {
		t.Fatal(err)
	}
	_, diags := Vet(name, b)
	return string(b), diags.Items()
}

func TestEveryDiagnosticHasExamples(t *testing.T) {
	for _, id := range diag.All {
		t.Run(string(id), func(t *testing.T) {
			_, bad := example(t, id, "bad.idc")
			if len(bad) == 0 {
				t.Error("the bad example is accepted")
			}
			for _, d := range bad {
				if d.ID != id {
					t.Errorf("the bad example shows something else: %v", d)
				}
				checkStyle(t, d)
			}
			src, good := example(t, id, "good.idc")
			for _, d := range good {
				if d.Severity != diag.Remark || id == diag.NoStubs {
					t.Errorf("the good example isn't: %v", d)
				}
			}
			var diags diag.List
			if diff := cmp.Diff(string(format.Source("good.idc", []byte(src), &diags)), src); diff != "" {
				t.Errorf("the good example isn't formatted:\n%s", diff)
			}
			if id.About() == "" {
				t.Error("nothing explains it")
			}
		})
	}
}

// checkStyle holds diagnostics to their style: lower case, no full stop, cause and fix always there.
func checkStyle(t *testing.T, d *diag.Diagnostic) {
	t.Helper()
	texts := []string{d.Message, d.Cause, d.Fix}
	for _, n := range d.Notes {
		texts = append(texts, n.Text)
	}
	for _, s := range texts {
		if s == "" || strings.HasSuffix(s, ".") || strings.ContainsAny(s, "\n") || s[0] >= 'A' && s[0] <= 'Z' {
			t.Errorf("%s: bad style: %q", d.ID, s)
		}
	}
	if d.Span.End <= d.Span.Offset && d.ID != diag.MissingProtocol {
		t.Errorf("%s: empty span", d.ID)
	}
}

// docs/diagnostics.md is made of the examples, what is printed for them, and one explanation each.
func TestDiagnosticsDocument(t *testing.T) {
	var b strings.Builder
	b.WriteString(diagnosticsIntro)
	for _, id := range diag.All {
		bad, list := example(t, id, "bad.idc")
		good, _ := example(t, id, "good.idc")
		var out bytes.Buffer
		if err := diag.Render(&out, list, func(string) string { return bad }); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", id, id.About())
		fmt.Fprintf(&b, "```idc\n%s```\n\n```text\n%s```\n\nCorrect:\n\n```idc\n%s```\n", bad, out.String(), good)
	}
	golden.Check(t, "../docs/diagnostics.md", b.String())
}

const diagnosticsIntro = "# Diagnostics\n\n" +
	"`idcgen` says what is wrong with a protocol file, where, why, and what to write instead. Each kind of mistake has an id that\n" +
	"never changes its meaning. Errors stop the compiler; warnings are shown by `idcgen vet` only. Notes say what isn't wrong and\n" +
	"should be known. At most 100 are shown of a file; the others are counted. `--json` prints one object per\n" +
	"line: `id`, `severity`, `span` (`file`, `offset`, `end`, `line`, `column`), `message`, `cause`, `fix` and `notes`.\n\n" +
	"Below is every id with an example of the mistake, what is printed for it, and the example corrected. These examples are the test's input;\n" +
	"the test also refreshes this file.\n"

// Every id that is used in the compiler is listed, and every listed one is used.
func TestAllIDsAreListed(t *testing.T) {
	src, err := os.ReadFile("diag/ids.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^\t(\w+)\s+ID = "([a-z-]+)"$`).FindAllStringSubmatch(string(src), -1)
	if len(declared) != len(diag.All) {
		t.Errorf("%d ids are declared, %d listed", len(declared), len(diag.All))
	}
	dirs, err := filepath.Glob("testdata/diag/*")
	if err != nil || len(dirs) != len(diag.All) {
		t.Errorf("%d directories of examples for %d ids: %v", len(dirs), len(diag.All), err)
	}
	var code strings.Builder
	for _, dir := range []string{"syntax", "resolve", "golang", "lint", "stubs"} {
		files, _ := filepath.Glob(dir + "/*.go")
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(b)
		}
	}
	for _, d := range declared {
		if !regexp.MustCompile(`diag\.` + d[1] + `\b`).MatchString(code.String()) {
			t.Errorf("nothing reports %s", d[2])
		}
	}
}

// Several mistakes are reported in one run, syntax errors and others, in the order of the text.
func TestSeveralMistakesInOneRun(t *testing.T) {
	const src = `protocol many
struct a { b u8 c u16 }
struct d {
	e u8
transaction f(x nothing, y color) replay
enum color u8 { red = 0, green = 0 }
keys from front { "x" u32 defult 0 }
`
	_, diags := Compile("many.idc", []byte(src))
	var got []string
	for _, d := range diags.Items() {
		got = append(got, fmt.Sprintf("%d:%s", d.Span.Line, d.ID))
	}
	want := []string{"2:syntax", "4:syntax", "5:unknown-name", "6:duplicate-value", "7:syntax"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
