package lint

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Finding is one breach of a rule.
type Finding struct {
	Path string // of the file, from the project's root
	Line int
	Rule string
	What string // what is wrong
	Why  string // why that is a rule
}

// String is the finding as a line that editors can follow.
func (f Finding) String() string {
	return fmt.Sprintf("%s:%d: %s (%s: %s)", f.Path, f.Line, f.What, f.Rule, f.Why)
}

// file is one parsed Go file.
type file struct {
	path   string // slash-separated, from the root
	dir    string // its directory
	lines  int
	test   bool
	set    *token.FileSet
	syntax *ast.File
}

// line is the line of a position.
func (f *file) line(p token.Pos) int { return f.set.Position(p).Line }

// generated reports whether the file says that it isn't edited.
func (f *file) generated() bool { return ast.IsGenerated(f.syntax) }

// Check holds the project, whose root is fsys, to Rules. A file that doesn't parse
// is an error: the compiler tells more about it.
func Check(fsys fs.FS) (found []Finding, err error) {
	introduced := map[string]bool{}
	err = fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skipped(d.Name()) && p != ".":
			return fs.SkipDir
		case d.IsDir() || path.Ext(p) != ".go":
			return nil
		}
		f, err := parse(fsys, p)
		if err != nil {
			return err
		}
		found = append(found, checkFile(f)...)
		if !f.test && fitsAny(documented, f.dir) {
			introduced[f.dir] = introduced[f.dir] || f.syntax.Doc != nil
		}
		return nil
	})
	found = append(found, unintroduced(introduced)...)
	slices.SortFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule))
	})
	return found, err
}

// unintroduced reports the packages that no comment introduces.
func unintroduced(introduced map[string]bool) (found []Finding) {
	for dir, is := range introduced {
		if !is {
			found = append(found, Finding{dir, 1, "introduced", "the package has no comment", "a reader begins with what a package is for"})
		}
	}
	return found
}

// skipped reports whether the go command ignores a directory of that name.
func skipped(name string) bool {
	return name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

func parse(fsys fs.FS, p string) (*file, error) {
	src, err := fs.ReadFile(fsys, p)
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	syntax, err := parser.ParseFile(set, p, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	return &file{
		path: p, dir: path.Dir(p), test: strings.HasSuffix(p, "_test.go"),
		lines: strings.Count(string(src), "\n"), set: set, syntax: syntax,
	}, nil
}

func checkFile(f *file) (found []Finding) {
	for _, r := range Rules {
		r.check(f, func(line int, what string) {
			found = append(found, Finding{f.path, line, r.ID, what, r.Why})
		})
	}
	return found
}
