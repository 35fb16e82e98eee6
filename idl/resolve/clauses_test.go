package resolve_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/xenidc/idc/idl/syntax"
)

// Every clause that the grammar has is read by the resolver: nothing is accepted and forgotten. What it can't do it refuses,
// which is reading, too.
func TestEveryClauseIsRead(t *testing.T) {
	read := selections(t)
	var fields []string
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || seen[typ] || typ.PkgPath() != reflect.TypeFor[syntax.Decl]().PkgPath() {
			return
		}
		seen[typ] = true
		if typ == reflect.TypeFor[syntax.Region]() {
			return // it is refused whole
		}
		for f := range fieldsOf(typ) {
			fields = append(fields, typ.Name()+"."+f.Name)
			walk(f.Type)
		}
	}
	walk(reflect.TypeFor[syntax.Decl]())
	if len(fields) < 150 {
		t.Fatalf("the grammar has only %d clauses: %v", len(fields), fields)
	}
	for _, f := range fields {
		if !read[f] {
			t.Errorf("%s is read by nobody: do what it says, or refuse it", f)
		}
	}
	if read["Clause.Nothing"] || !read["Decl.Region"] {
		t.Error("the test can't tell what is read")
	}
}

// fieldsOf yields the fields that the parser fills, without positions.
func fieldsOf(typ reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range typ.NumField() {
			if f := typ.Field(i); f.Name != "Pos" && !yield(f) {
				return
			}
		}
	}
}

// selections lists the fields of the AST that the resolver selects, as Type.Field. Methods of the AST count as what they select.
func selections(t *testing.T) map[string]bool {
	t.Helper()
	const module = "github.com/xenidc/idc/idl/"
	set := token.NewFileSet()
	packages := map[string]*types.Package{}
	infos, sources := map[string]*types.Info{}, map[string][]*ast.File{}
	var load func(name string) (*types.Package, error)
	conf := types.Config{Error: func(error) {}, Importer: importer(func(path string) (*types.Package, error) {
		if name, ours := strings.CutPrefix(path, module); ours {
			return load(name)
		}
		return nil, fs.ErrNotExist // the types of other packages don't matter here
	})}
	load = func(name string) (*types.Package, error) {
		if p := packages[name]; p != nil {
			return p, nil
		}
		names, err := filepath.Glob(filepath.Join("..", name, "*.go"))
		if err != nil {
			return nil, err
		}
		var files []*ast.File
		for _, n := range names {
			if strings.HasSuffix(n, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(set, n, nil, 0)
			if err != nil {
				return nil, err
			}
			files = append(files, f)
		}
		sources[name] = files
		infos[name] = &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
		packages[name], _ = conf.Check(module+name, set, files, infos[name])
		return packages[name], nil
	}
	if _, err := load("resolve"); err != nil {
		t.Fatal(err)
	}
	read := map[string]bool{}
	for _, name := range []string{"resolve", "syntax"} {
		for _, file := range sources[name] {
			ast.Inspect(file, func(n ast.Node) bool {
				if f, ok := n.(*ast.FuncDecl); ok {
					return f.Name.Name != "Span" // who asks where a clause is needn't do anything about it
				}
				if e, ok := n.(*ast.SelectorExpr); ok {
					read[selected(infos[name].Selections[e], packages["syntax"])] = true
				}
				return true
			})
		}
	}
	return read
}

// selected is the field of a type of pkg that is selected, as Type.Field, or "".
func selected(s *types.Selection, pkg *types.Package) string {
	if s == nil || s.Kind() != types.FieldVal {
		return ""
	}
	recv := s.Recv()
	if p, ok := recv.(*types.Pointer); ok {
		recv = p.Elem()
	}
	n, ok := recv.(*types.Named)
	if !ok || n.Obj().Pkg() != pkg {
		return ""
	}
	return n.Obj().Name() + "." + s.Obj().Name()
}

type importer func(path string) (*types.Package, error)

func (i importer) Import(path string) (*types.Package, error) { return i(path) }
