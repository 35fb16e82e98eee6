package batch

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"strings"
)

// source is a generated package as text.
type source struct {
	set   *token.FileSet
	files []*ast.File
}

func (m *compiled) parse() (*source, error) {
	s := &source{set: token.NewFileSet()}
	for _, f := range m.files {
		file, err := parser.ParseFile(s.set, f.Name, f.Content, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		if file.Name.Name == "main" || strings.HasSuffix(file.Name.Name, "_test") {
			return nil, fmt.Errorf("package %s can't be imported", file.Name.Name)
		}
		s.files = append(s.files, file)
	}
	return s, nil
}

// fuzzers are the generated fuzz targets.
func (m *compiled) fuzzers() (names []string) {
	s, err := m.parse()
	if err != nil {
		return nil
	}
	for _, f := range s.funcs() {
		if f.Recv == nil && strings.HasPrefix(f.Name.Name, "Fuzz") {
			names = append(names, f.Name.Name)
		}
	}
	return names
}

func (s *source) funcs() (list []*ast.FuncDecl) {
	for _, f := range s.files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				list = append(list, fn)
			}
		}
	}
	return list
}

func (s *source) fn(name string) *ast.FuncDecl {
	for _, f := range s.funcs() {
		if f.Recv == nil && f.Name.Name == name {
			return f
		}
	}
	return nil
}

// typ finds the declaration of a type.
func (s *source) typ(name string) ast.Expr {
	for _, f := range s.files {
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.TYPE {
				for _, spec := range g.Specs {
					if t := spec.(*ast.TypeSpec); t.Name.Name == name {
						return t.Type
					}
				}
			}
		}
	}
	return nil
}

// variable finds a variable that is initialised with a literal of a type.
func (s *source) variable(typ string) string {
	for _, f := range s.files {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				for i, value := range v.Values {
					if lit, ok := value.(*ast.CompositeLit); ok && s.text(lit.Type) == typ {
						return v.Names[i].Name
					}
				}
			}
		}
	}
	return ""
}

// constant tells whether there is a constant of that name.
func (s *source) constant(name string) bool {
	for _, f := range s.files {
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				for _, spec := range g.Specs {
					for _, n := range spec.(*ast.ValueSpec).Names {
						if n.Name == name {
							return true
						}
					}
				}
			}
		}
	}
	return false
}

func (s *source) text(n ast.Node) string {
	if n == nil {
		return ""
	}
	var b bytes.Buffer
	if err := format.Node(&b, s.set, n); err != nil {
		return ""
	}
	return b.String()
}

// hasMethod tells whether a type has a method, and whether its receiver is a pointer.
func (s *source) hasMethod(typ, name string) bool {
	for _, f := range s.funcs() {
		if f.Recv != nil && f.Name.Name == name && strings.TrimPrefix(s.text(f.Recv.List[0].Type), "*") == typ {
			return true
		}
	}
	return false
}

// glue is a file of the package that presents it to package wiretest.
func (m *compiled) glue() ([]byte, error) {
	s, err := m.parse()
	if err != nil {
		return nil, err
	}
	var body strings.Builder
	fmt.Fprintf(&body, "// ZzStubs presents the package.\nvar ZzStubs = zz_wiretest.Stubs{\nLayout: %q,\n", m.layout)
	if s.fn("NewFront") != nil {
		methods, err := s.stubs(&body)
		if err != nil {
			return nil, err
		}
		body.WriteString("}\n\n" + methods)
	} else {
		body.WriteString("Types: []any{")
		for _, f := range s.funcs() {
			if f.Recv != nil && f.Name.Name == "Put" {
				fmt.Fprintf(&body, "new(%s), ", strings.TrimPrefix(s.text(f.Recv.List[0].Type), "*"))
			}
		}
		body.WriteString("},\nABIs: map[string]any{")
		for abi, name := range map[string]string{"x86_64": "ABIX8664", "x86_32": "ABIX8632", "arm": "ABIARM"} {
			if s.constant(name) {
				fmt.Fprintf(&body, "%q: %s, ", abi, name)
			}
		}
		body.WriteString("},\n}\n")
	}
	head := "package " + s.files[0].Name.Name + "\n\nimport (\n" + s.imports(strings.Replace(body.String(), fmt.Sprintf("%q", m.layout), "", 1)) + ")\n\n"
	out, err := format.Source([]byte(head + body.String()))
	if err != nil {
		return nil, fmt.Errorf("glue: %w\n%s%s", err, head, &body)
	}
	return out, nil
}

// imports lists what text refers to, under the names of the generated files.
func (s *source) imports(text string) string {
	list := map[string]string{
		"zz_wiretest": "github.com/xenidc/idc/cmd/idcgen/internal/wiretest",
		"zz_idc":      "github.com/xenidc/idc/runtime/idc",
		"zz_context":  "context",
	}
	for _, f := range s.files {
		for _, i := range f.Imports {
			path := strings.Trim(i.Path.Value, `"`)
			name := path[strings.LastIndexByte(path, '/')+1:]
			if i.Name != nil {
				name = i.Name.Name
			}
			list[name] = path
		}
	}
	out := ""
	for name, path := range list {
		if strings.Contains(text, name+".") && (strings.HasPrefix(name, "zz_") || mentions(text, name)) {
			out += fmt.Sprintf("%s %q\n", name, path)
		}
	}
	return out
}

// mentions tells whether text has name followed by a dot as a word of its own.
func mentions(text, name string) bool {
	for _, before := range []string{" ", "*", "(", "[", "]", "&", "\n"} {
		if strings.Contains(text, before+name+".") {
			return true
		}
	}
	return false
}

// stubs writes how the ends are made, and returns the methods of a driver that hands everything on.
func (s *source) stubs(body *strings.Builder) (string, error) {
	export := s.fn("Export")
	protocol := s.variable("idc.Protocol")
	if export == nil || protocol == "" {
		return "", fmt.Errorf("there is no function Export or no description of the protocol")
	}
	fmt.Fprintf(body, "Protocol: &%s,\n", protocol)
	options := "opts"
	publish := ""
	if s.typ("FrontKeys") != nil && s.hasMethod("FrontKeys", "Option") {
		publish = "var k FrontKeys\nfill(&k)\nopts = append([]zz_idc.Option{k.Option()}, opts...)\n"
	}
	fmt.Fprintf(body, "NewFront: func(d zz_idc.Domain, name string, fill func(any), opts ...zz_idc.Option) any {\n%sreturn NewFront(d, name, %s...)\n},\n", publish, options)
	params := export.Type.Params.List
	keys := ""
	driver := ""
	for _, p := range params {
		switch t := s.text(p.Type); {
		case strings.HasSuffix(t, "Keys"):
			keys = t
		case t != "string" && t != "..."+"idc.Option" && t != "idc.Domain":
			driver = t
		}
	}
	iface, ok := s.typ(driver).(*ast.InterfaceType)
	if !ok {
		return "", fmt.Errorf("what Export serves is no interface of this package, but %q", driver)
	}
	start := ""
	pass := ""
	if keys != "" {
		pass = "k, "
		start = "var k " + keys + "\n"
		if v := s.variable(keys); v != "" {
			start = "k := " + v + "\n"
		}
		start += "fill(&k)\n"
	}
	fmt.Fprintf(body, "Export: func(d zz_idc.Domain, name string, fill func(any), h zz_wiretest.Handler, opts ...zz_idc.Option) interface{ Close() error } {\n%sreturn Export(d, name, %szzDriver{h}, opts...)\n},\n", start, pass)
	body.WriteString("Methods: []string{")
	var methods strings.Builder
	methods.WriteString("type zzDriver struct{ h zz_wiretest.Handler }\n\n")
	for _, list := range append([]*ast.InterfaceType{iface}, s.optional(driver)...) {
		for _, f := range list.Methods.List {
			sig, ok := f.Type.(*ast.FuncType)
			if !ok || len(f.Names) != 1 {
				continue
			}
			fmt.Fprintf(body, "%q, ", f.Names[0].Name)
			s.method(&methods, f.Names[0].Name, sig)
		}
	}
	body.WriteString("},\n")
	return methods.String(), nil
}

// optional lists the interfaces that a driver may implement besides the one that it must.
func (s *source) optional(driver string) (list []*ast.InterfaceType) {
	for _, f := range s.files {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, spec := range g.Specs {
				t := spec.(*ast.TypeSpec)
				if i, ok := t.Type.(*ast.InterfaceType); ok && t.Name.Name != driver && strings.HasSuffix(t.Name.Name, driver) {
					list = append(list, i)
				}
			}
		}
	}
	return list
}

// method writes a method of the driver.
func (s *source) method(b *strings.Builder, name string, sig *ast.FuncType) {
	fmt.Fprintf(b, "func (zz zzDriver) %s(", name)
	n := 0
	var args, results []string
	for _, p := range sig.Params.List {
		for range max(1, len(p.Names)) {
			fmt.Fprintf(b, "zz%d %s, ", n, s.text(p.Type))
			if n > 0 {
				args = append(args, fmt.Sprintf("zz%d", n))
			}
			n++
		}
	}
	b.WriteString(") (")
	if sig.Results != nil {
		for i, r := range sig.Results.List {
			fmt.Fprintf(b, "zzr%d %s, ", i, s.text(r.Type))
			results = append(results, fmt.Sprintf("&zzr%d", i))
		}
	}
	fmt.Fprintf(b, ") {\nzz.h(zz0, %q, []any{%s}, []any{%s})\nreturn\n}\n\n", name, strings.Join(args, ", "), strings.Join(results, ", "))
}
