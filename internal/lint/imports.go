package lint

import (
	"fmt"
	"go/ast"
	"path"
	"strconv"
	"strings"
)

// checkUnsafe reports the import of unsafe, and linkname, which is as good as it.
func checkUnsafe(f *file, report func(int, string)) {
	if mayBeUnsafe(f) {
		return
	}
	for spec, p := range f.imports() {
		if p == "unsafe" {
			report(f.line(spec.Pos()), `import of "unsafe"`)
		}
	}
	for _, group := range f.syntax.Comments {
		for _, c := range group.List {
			if strings.HasPrefix(c.Text, "//go:linkname ") {
				report(f.line(c.Pos()), "go:linkname")
			}
		}
	}
}

func mayBeUnsafe(f *file) bool {
	if f.test {
		return false
	}
	for _, a := range unsafeAllowed {
		if f.dir == a.dir && strings.HasSuffix(f.path, a.suffix) {
			return true
		}
	}
	return false
}

func checkCgo(f *file, report func(int, string)) {
	for spec, p := range f.imports() {
		if p == "C" {
			report(f.line(spec.Pos()), `import of "C"`)
		}
	}
}

// checkOrder holds a file to its part's imports. Tests are free in that, for they
// build a world around what they test; gates hold for them.
func checkOrder(f *file, report func(int, string)) {
	if f.test || fits("bench/...", f.dir) {
		return
	}
	part := partOf(Parts, f.dir)
	if part == nil {
		report(f.line(f.syntax.Package), fmt.Sprintf("package %s has no part in the table of internal/lint/parts.go", f.dir))
		return
	}
	for spec, p := range f.imports() {
		if what := part.refuses(p); what != "" {
			report(f.line(spec.Pos()), fmt.Sprintf("%s imports %s, %s; %s", f.dir, p, what, part.Why))
		}
	}
}

// refuses says why the part must not import a package, or "".
func (part *Part) refuses(p string) string {
	dir, ours := within(p)
	switch {
	case ours && !fitsAny(part.May, dir):
		return "which isn't below it"
	case ours || p == "unsafe" || p == "C":
		return ""
	case !standard(p) && !outside(part.Outside, p):
		return "a dependency that it must not have"
	case standard(p) && fitsAny(part.Never, p):
		return "which it must do without"
	}
	return ""
}

// checkGates holds every file, tests too, to the gates.
func checkGates(f *file, report func(int, string)) {
	for spec, p := range f.imports() {
		dir, ours := within(p)
		if !ours || dir == f.dir {
			continue
		}
		for _, g := range Gates {
			if fits(g.Path, dir) && !fitsAny(g.From, f.dir) && !(f.test && g.Tests) {
				report(f.line(spec.Pos()), fmt.Sprintf("%s imports %s; %s", f.dir, dir, g.Why))
			}
		}
	}
}

// imports yields each import with its path.
func (f *file) imports() func(func(*ast.ImportSpec, string) bool) {
	return func(yield func(*ast.ImportSpec, string) bool) {
		for _, spec := range f.syntax.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil || !yield(spec, p) {
				return
			}
		}
	}
}

// within returns the directory of a package of the project.
func within(p string) (dir string, ours bool) {
	if p == Module {
		return ".", true
	}
	dir, ours = strings.CutPrefix(p, Module+"/")
	return path.Clean(dir), ours
}

// standard reports whether a package is of the standard library: the first
// element of all others is a host.
func standard(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return !strings.Contains(first, ".")
}

func outside(modules []string, p string) bool {
	for _, m := range modules {
		if m == "..." || p == m || strings.HasPrefix(p, m+"/") {
			return true
		}
	}
	return false
}
