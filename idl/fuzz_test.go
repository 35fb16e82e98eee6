package idl

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/draw"
	"github.com/xenidc/idc/idl/format"
	"github.com/xenidc/idc/idl/layout"
	"github.com/xenidc/idc/idl/schema"
)

// seeds feeds every file that is in the tree anyway.
func seeds(f *testing.F) {
	f.Helper()
	for _, src := range larges(3) {
		f.Add([]byte(src()))
	}
	for _, pattern := range []string{"../protocols/*.idc", "testdata/diag/*/*.idc", "draw/testdata/*.idc"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
}

// Whatever the text, the compiler returns; what it rejects it explains, and what it accepts can be laid out.
func FuzzCompile(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		p, diags := Vet("fuzz.idc", src)
		for _, d := range diags.Items() {
			checkDiagnostic(t, d, len(src))
		}
		if err := diag.Render(io.Discard, diags.Items(), func(string) string { return string(src) }); err != nil {
			t.Fatal(err)
		}
		if diags.Failed() {
			return
		}
		if err := layout.Of(p, schema.ABIs[:]).Write(io.Discard); err != nil {
			t.Fatal(err)
		}
		redraw(t, p)
		for _, x := range p.Transactions {
			if len(x.Forms) == 0 || x.Ring == nil {
				t.Fatalf("transaction %s was accepted without a form or ring", x.Name)
			}
		}
	})
}

// redraw checks that what is drawn of a protocol is the same protocol.
func redraw(t *testing.T, p *schema.Protocol) {
	t.Helper()
	text, err := draw.Protocol(p)
	if err != nil {
		t.Fatal(err)
	}
	q, diags := Compile("drawn.idc", text)
	if diags.Failed() {
		t.Fatalf("what was drawn isn't accepted: %v\n%s", diags.Err(), text)
	}
	a, b := layout.Of(p, schema.ABIs[:]), layout.Of(q, schema.ABIs[:])
	a.Keys, b.Keys = nil, nil // their order may be another
	if was, is := fmt.Sprintf("%+v", a), fmt.Sprintf("%+v", b); was != is {
		t.Fatalf("what was drawn is something else\n%s\n%s\n%s", was, is, text)
	}
}

func checkDiagnostic(t *testing.T, d *diag.Diagnostic, size int) {
	t.Helper()
	if d.Message == "" || d.Cause == "" || d.Fix == "" {
		t.Fatalf("%s says too little: %+v", d.ID, d)
	}
	if d.Span.Offset < 0 || d.Span.End < d.Span.Offset || d.Span.End > size+1 {
		t.Fatalf("%s is outside of the file: %+v", d.ID, d.Span)
	}
}

// Formatting twice is formatting once, and never changes what the file means.
func FuzzFormat(f *testing.F) {
	seeds(f)
	f.Add([]byte("\ufeffprotocol p\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		var diags diag.List
		once := format.Source("fuzz.idc", src, &diags)
		if once == nil {
			return
		}
		twice := format.Source("fuzz.idc", once, &diags)
		if twice == nil {
			t.Fatalf("the result doesn't parse: %v\n%s", diags.Err(), once)
		}
		if !bytes.Equal(once, twice) {
			t.Fatalf("not idempotent:\n%s\n---\n%s", once, twice)
		}
		if a, b := squeeze(src), squeeze(once); a != b {
			t.Fatalf("changed more than space:\n%s\n---\n%s", src, once)
		}
	})
}

// squeeze drops all space, and a byte order mark.
func squeeze(src []byte) string {
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n", r) {
			return -1
		}
		return r
	}, string(src))
}
