package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
)

func checkSize(f *file, report func(int, string)) {
	if f.lines > MaxLines && !f.generated() {
		report(MaxLines+1, fmt.Sprintf("%d lines, more than %d", f.lines, MaxLines))
	}
}

// later matches the marks of work that was put off.
var later = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)

func checkLater(f *file, report func(int, string)) {
	for _, group := range f.syntax.Comments {
		for _, c := range group.List {
			if mark := later.FindString(c.Text); mark != "" {
				report(f.line(c.Pos()), mark)
			}
		}
	}
}

// checkDocumented reports exported names at the top level, and methods of exported
// types, without a comment. A comment on a group of constants or variables is
// enough for those in it.
func checkDocumented(f *file, report func(int, string)) {
	if f.test || !fitsAny(documented, f.dir) || f.syntax.Name.Name == "main" {
		return
	}
	for _, decl := range f.syntax.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) && !(d.Recv != nil && undocumented[d.Name.Name]) {
				report(f.line(d.Pos()), "exported "+d.Name.Name+" has no comment")
			}
		case *ast.GenDecl:
			for _, name := range bare(d) {
				report(f.line(name.Pos()), "exported "+name.Name+" has no comment")
			}
		}
	}
}

// bare returns the exported names of a declaration that no comment speaks of.
func bare(d *ast.GenDecl) (names []*ast.Ident) {
	if d.Doc != nil && (d.Tok != token.TYPE || !d.Lparen.IsValid()) {
		return nil
	}
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Doc == nil && s.Comment == nil && s.Name.IsExported() {
				names = append(names, s.Name)
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if s.Doc == nil && s.Comment == nil && name.IsExported() {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// exportedReceiver reports whether a function is no method, or one of an exported
// type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}
