package idl

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xenidc/idc/idl/internal/golden"
	"github.com/xenidc/idc/idl/layout"
	"github.com/xenidc/idc/idl/schema"
)

// The whole of what the generator is told about each protocol is kept in the tree, so that a change in it is seen.
func TestSchemas(t *testing.T) {
	files := []string{"../protocols/blk.idc", "../protocols/usb.idc", "testdata/kv.idc"}
	for _, file := range files {
		p, err := Load(file)
		if err != nil {
			t.Error(err)
			continue
		}
		var b strings.Builder
		if err := layout.Of(p, schema.ABIs[:]).Write(&b); err != nil {
			t.Fatal(err)
		}
		for _, x := range p.Transactions {
			fmt.Fprintf(&b, "\ntransaction %s on %s replay=%v quota=%d feature=%s\n", x.Name, x.Ring.Name, x.Replay, x.Quota, keyName(x.Feature))
			params(&b, "argument", x.Params)
			params(&b, "result", x.Results)
			if x.Split != nil {
				fmt.Fprintf(&b, "  split %s advancing %s\n", x.Split.Bulk.Name, x.Split.Start.Name)
			}
			for _, f := range x.Forms {
				form(&b, f)
			}
		}
		for _, m := range p.Messages {
			fmt.Fprintf(&b, "\nmessage %s on %s from %s credit=%v\n", m.Name, m.Ring.Name, m.From, m.Credit != nil)
			params(&b, "argument", m.Params)
			form(&b, m.Form)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".idc")
		golden.Check(t, "testdata/schema/"+name+".txt", b.String())
	}
}

func keyName(k *schema.Key) string {
	if k == nil {
		return "-"
	}
	return k.Name
}

func params(b *strings.Builder, kind string, list []*schema.Param) {
	for _, p := range list {
		switch {
		case p.Bulk != nil:
			fmt.Fprintf(b, "  %s %s: bulk from %s up to %d\n", kind, p.Name, p.Bulk.From, p.Bulk.Max)
		default:
			fmt.Fprintf(b, "  %s %s: %s\n", kind, p.Name, p.Type)
		}
	}
}

func form(b *strings.Builder, f *schema.Form) {
	fmt.Fprintf(b, "  form %s: enable=%s limit=%s\n", f.Name, keyName(f.Enable), keyName(f.Limit))
	binds(b, "match", f.Match)
	binds(b, "set", f.Set)
	for _, s := range f.Segments {
		fmt.Fprintf(b, "    segments %s in %s of %s, counted by %s, at most %d, in %d pages", s.Bulk.Name, s.Array, s.Elem.Name, s.Count, s.Max, s.Pages)
		if s.After != nil {
			fmt.Fprintf(b, ", after %s", s.After.Name)
		}
		b.WriteByte('\n')
	}
	binds(b, "reply", f.Reply)
}

func binds(b *strings.Builder, kind string, list []schema.Bind) {
	for _, x := range list {
		fmt.Fprintf(b, "    %s %s = ", kind, x.Path)
		switch s := x.Source; s.Kind {
		case schema.FromConst:
			fmt.Fprintf(b, "%d", s.Const)
			if s.Value != nil {
				fmt.Fprintf(b, " (%s)", s.Value.Name)
			}
		case schema.FromParam:
			b.WriteString(s.Param.Name)
		case schema.FromLength:
			b.WriteString("length of " + s.Param.Name)
		case schema.FromRequest:
			b.WriteString("request." + s.Path.String())
		default:
			b.WriteString(map[schema.SourceKind]string{schema.FromID: "id", schema.FromDevice: "device", schema.FromStatus: "status"}[s.Kind])
		}
		b.WriteByte('\n')
	}
}

// blk.idc reads aloud as blkif, in fewer than 150 lines without comments.
func TestBlkIsShort(t *testing.T) {
	src, err := os.ReadFile("../protocols/blk.idc")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(src)) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "//") {
			n++
		}
	}
	if n >= 150 {
		t.Errorf("blk.idc has %d lines without comments, want fewer than 150", n)
	}
}
