// Package batch takes many protocols through the compiler, and what it makes of them through Go, at once: a module's worth of
// packages in one `go vet`, all their tests in one program, all their structs in one file for a C compiler. So hundreds of
// protocols take the time of a few.
package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/xenidc/idc/cmd/idcgen/internal/gen"
	"github.com/xenidc/idc/idl"
	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/layout"
	"github.com/xenidc/idc/idl/schema"
)

// Case is a protocol. Name is an identifier, different from those of the others.
type Case struct {
	Name, Text string
}

// Verdict is what became of a case.
type Verdict string

// The verdicts. All but the first two are failures.
const (
	Refused    Verdict = "refused"     // by the compiler, with a position
	Passed     Verdict = "passed"      // accepted, and everything holds
	Crashed    Verdict = "crashed"     // the compiler panics, or takes too long
	Unplaced   Verdict = "unplaced"    // refused without saying where
	Disagreed  Verdict = "disagreed"   // accepted, but nothing is generated
	Unbuilt    Verdict = "unbuilt"     // what is generated doesn't build, or go vet complains
	Misplaced  Verdict = "misplaced"   // a C compiler puts fields elsewhere
	WrongBytes Verdict = "wrong bytes" // the generated tests fail, or stubs and layout disagree
)

// Failed tells whether it is a failure.
func (v Verdict) Failed() bool { return v != Refused && v != Passed }

// Result is a verdict and what it rests on.
type Result struct {
	Case
	Verdict Verdict
	Detail  string
	Stubs   bool
}

// most is how long the compiler may take for one file of ordinary size.
const most = 30 * time.Second

// compiled is a case with what was made of it.
type compiled struct {
	*Result
	files  []gen.File
	layout []byte
}

// Run takes cases through everything.
func Run(tb testing.TB, cases []Case) []Result {
	tb.Helper()
	results := make([]Result, len(cases))
	var made []*compiled
	for i, c := range cases {
		results[i].Case = c
		if m := compile(&results[i]); m != nil {
			made = append(made, m)
		}
	}
	b := newTree(tb)
	made = b.write(made)
	made = b.vet(made)
	b.structs(made)
	b.test(made)
	return results
}

// compile compiles a case; it returns nil, and the result says why, if there is nothing to build.
func compile(r *Result) *compiled {
	type outcome struct {
		m   *compiled
		bad string
	}
	done := make(chan outcome, 1)
	go func() {
		defer func() {
			if v := recover(); v != nil {
				done <- outcome{bad: fmt.Sprintf("%v\n%s", v, debug.Stack())}
			}
		}()
		done <- outcome{m: generate(r)}
	}()
	select {
	case o := <-done:
		if o.bad != "" {
			r.Verdict, r.Detail = Crashed, o.bad
		}
		return o.m
	case <-time.After(most):
		*r = Result{Case: r.Case, Verdict: Crashed, Detail: "the compiler takes too long"}
		return nil
	}
}

func generate(r *Result) *compiled {
	file := r.Name + ".idc"
	p, diags := idl.Vet(file, []byte(r.Text))
	if diags.Failed() {
		r.Verdict = Refused
		for _, d := range diags.Items() {
			r.Detail += d.Error() + "\n"
			if !placed(d, len(r.Text)) {
				r.Verdict = Unplaced
			}
		}
		return nil
	}
	files, err := gen.Generate(p, file, "")
	if err != nil {
		r.Verdict, r.Detail = Disagreed, err.Error()
		return nil
	}
	text, err := json.Marshal(layout.Of(p, schema.ABIs[:]))
	if err != nil {
		r.Verdict, r.Detail = Disagreed, err.Error()
		return nil
	}
	r.Verdict, r.Stubs = Passed, gen.Stubs(p)
	return &compiled{Result: r, files: files, layout: text}
}

// placed tells whether a diagnostic says where, why, and what to do.
func placed(d *diag.Diagnostic, size int) bool {
	return d.Message != "" && d.Cause != "" && d.Fix != "" && d.Span.Line > 0 && d.Span.Column > 0 &&
		d.Span.Offset >= 0 && d.Span.Offset <= d.Span.End && d.Span.End <= size+1
}

// fail files a failure, unless there is one already.
func (m *compiled) fail(v Verdict, format string, args ...any) {
	if !m.Verdict.Failed() {
		m.Verdict, m.Detail = v, strings.TrimSpace(fmt.Sprintf(format, args...))
	}
}

// module is the path of the module that a run makes of all packages. It lies where it may import what is internal here.
const module = "github.com/xenidc/idc/cmd/idcgen/made"

// tree is a module of the generated packages, in a temporary directory.
type tree struct {
	testing.TB
	dir string
	ctx context.Context
}

func newTree(tb testing.TB) *tree {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	tb.Cleanup(cancel)
	t := &tree{TB: tb, dir: tb.TempDir(), ctx: ctx}
	root, err := filepath.Abs("../../../..")
	if err != nil {
		tb.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	sum, errSum := os.ReadFile(filepath.Join(root, "go.sum"))
	if err := errors.Join(err, errSum); err != nil {
		tb.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(mod), "\n") // without the line `module`
	rest, _, _ = strings.Cut(rest, "\ntool (")
	t.put("go.mod", fmt.Appendf(nil, "module %s\n%s\nrequire github.com/xenidc/idc v0.0.0\n\nreplace github.com/xenidc/idc => %s\n", module, rest, root))
	t.put("go.sum", sum)
	return t
}

// put writes a file of the module.
func (b *tree) put(path string, content []byte) {
	b.Helper()
	path = filepath.Join(b.dir, path)
	err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o644))
	if err != nil {
		b.Fatal(err)
	}
}
