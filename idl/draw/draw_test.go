package draw_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xenidc/idc/idl"
	"github.com/xenidc/idc/idl/draw"
	"github.com/xenidc/idc/idl/layout"
	"github.com/xenidc/idc/idl/schema"
)

// What is drawn compiles, and everything of it is where it was.
func TestDrawnIsTheSame(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../../protocols/*.idc", "../../examples/*/*.idc", "../testdata/*.idc", "../testdata/diag/*/*.idc", "testdata/*.idc",
		"../../cmd/idcgen/internal/gen/*/*.idc"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	n := 0
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, diags := idl.Compile(file, src)
		if diags.Failed() {
			continue
		}
		n++
		text, err := draw.Protocol(p)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		q, diags := idl.Compile("drawn.idc", text)
		if diags.Failed() {
			t.Errorf("%s: %v\n%s", file, diags.Err(), text)
			continue
		}
		if diff := cmp.Diff(describe(t, p), describe(t, q)); diff != "" {
			t.Errorf("%s: what was drawn is something else\n%s\n%s", file, diff, text)
		}
		again, err := draw.Protocol(q)
		if diff := cmp.Diff(string(text), string(again)); diff != "" || err != nil {
			t.Errorf("%s: drawn twice it is something else: %v\n%s", file, err, diff)
		}
	}
	if n < 50 {
		t.Errorf("only %d protocols were drawn", n)
	}
}

// describe is everything that `idcgen layout --json` says, keys in the order of their names, and whoever added them.
func describe(t *testing.T, p *schema.Protocol) string {
	t.Helper()
	l := layout.Of(p, schema.ABIs[:])
	slices.SortFunc(l.Keys, func(a, b layout.Key) int { return strings.Compare(a.In+a.Name, b.In+b.Name) })
	for i := range l.Keys {
		l.Keys[i].Made = false
	}
	text, err := json.MarshalIndent(l, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
