package gen

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"testing"
)

// elsewhere are the fields of the schema that the generator needn't read, and why: whatever else nobody reads is a clause
// of the language without effect.
var elsewhere = map[string]string{
	"Protocol.Doc":       "shown by `idcgen draw` and asked for by vet",
	"Protocol.Frozen":    "held to by the resolver",
	"Protocol.Unkept":    "refused by idl/stubs",
	"Device.Doc":         "a comment",
	"Device.Backs":       "refused by idl/stubs where it isn't the front's",
	"ABIName.ABI":        "Device.Spoken lists them",
	"BitGroup.Enum":      "Path.Type tells",
	"Bulk.Elem":          "without stubs",
	"Const.Unit":         "a constant is a bare number in Go",
	"Field.Placed":       "offsets follow from it",
	"Slot.Tags":          "each form has the constants of those that it gives",
	"ABIName.Doc":        "a comment",
	"Enum.Frozen":        "held to by the resolver",
	"Enum.Reserved":      "held to by the resolver",
	"EnumValue.Since":    "held to by the resolver",
	"Bits.Frozen":        "held to by the resolver",
	"BitGroup.Since":     "held to by the resolver",
	"Struct.Frozen":      "held to by the resolver",
	"Struct.Made":        "where it comes from makes no difference here",
	"Struct.Align":       "offsets and sizes follow from it",
	"Field.Since":        "held to by the resolver",
	"Field.When":         "held to by the resolver, which knows each form's tag",
	"Field.NamesRequest": "refused by idl/stubs",
	"Field.Default":      "the resolver fills forms with it",
	"Union.Tagged":       "held to by the resolver",
	"Union.Align":        "offsets and sizes follow from it",
	"Type.Tag":           "held to by the resolver, which knows each form's tag",
	"Pages.Elem":         "a form's binding has it, too",
	"Pages.PerPage":      "follows from the segment's size",
	"Pages.Count":        "a form's binding has it, too",
	"Ring.Name":          "a name for the file's own use",
	"Ring.Doc":           "a comment",
	"Ring.QueuePrefix":   "refused by idl/stubs where it isn't the runtime's",
	"Transaction.Ring":   "stubs have one",
	"Transaction.Quota":  "refused by idl/stubs",
	"Transaction.Since":  "held to by the resolver; older peers answer that they don't know it",
	"Param.Since":        "held to by the resolver; older peers leave it zero",
	"Form.Name":          "a name for the file's own use",
	"Form.Doc":           "a comment",
	"SegmentBind.After":  "stubs have one bulk",
	"SegmentBind.Bulk":   "stubs have one bulk",
	"Key.By":             "the runtime publishes each side's keys in one state",
	"Key.First":          "refused by idl/stubs",
	"Key.Last":           "refused by idl/stubs",
	"Key.LastIndex":      "refused by idl/stubs",
	"Key.MaxKey":         "refused by idl/stubs but for the runtime's",
	"Key.Rule":           "refused by idl/stubs but for the runtime's",
	"Key.Peer":           "refused by idl/stubs but for the runtime's",
	"Key.Since":          "held to by the resolver",
	"Message.Name":       "without stubs",
	"Message.Doc":        "without stubs",
	"Message.Ring":       "without stubs",
	"Message.From":       "without stubs",
	"Message.Form":       "without stubs",
	"Message.Credit":     "without stubs",
	"Message.Quota":      "without stubs",
	"Message.Since":      "without stubs",
	"Reserved.First":     "held to by the resolver",
	"Reserved.Last":      "held to by the resolver",
	"Reserved.Doc":       "a comment",
	"Unkept.What":        "refused by idl/stubs",
	"Unkept.Why":         "refused by idl/stubs",
	"Unkept.Fix":         "refused by idl/stubs",
}

// Every field of the schema is read by the generator, or there is a reason why not.
func TestSchemaIsRead(t *testing.T) {
	if testing.Short() {
		t.Skip("type-checks the generator with all that it imports; -short")
	}
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "source", nil)
	used := map[types.Object]bool{}
	for _, dir := range []string{".", "../../../../idl/golang"} {
		selections(t, fset, imports, dir, used)
	}
	schema, err := imports.Import("github.com/xenidc/idc/idl/schema")
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]bool{}
	for _, name := range schema.Scope().Names() {
		s, ok := schema.Scope().Lookup(name).Type().Underlying().(*types.Struct)
		if !ok {
			continue
		}
		for f := range s.Fields() {
			full := name + "." + f.Name()
			read[full] = used[f]
			if f.Exported() && !used[f] && f.Name() != "Pos" && elsewhere[full] == "" {
				t.Errorf("nothing in the generator reads %s: what of the language has no effect?", full)
			}
		}
	}
	for full, why := range elsewhere {
		if is, there := read[full]; why == "" || !there || is {
			t.Errorf("%s is read, or not there: it needs no reason", full)
		}
	}
}

// selections finds which fields the code of a package reads.
func selections(t *testing.T, fset *token.FileSet, imports types.Importer, dir string, used map[types.Object]bool) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	info := &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
	conf := types.Config{Importer: imports}
	if _, err := conf.Check(dir, fset, files, info); err != nil {
		t.Fatal(err)
	}
	for _, s := range info.Selections {
		used[s.Obj()] = true
	}
}
