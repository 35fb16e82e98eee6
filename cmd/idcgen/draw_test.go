package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xenidc/idc/cmd/idcgen/internal/randproto"
	"github.com/xenidc/idc/idl"
	"github.com/xenidc/idc/idl/draw"
	"github.com/xenidc/idc/idl/layout"
	"github.com/xenidc/idc/idl/schema"
)

// Random protocols are the same when they are drawn. That is what `idcgen layout --json` says, less the order of keys and who
// added them.
func TestRandomProtocolsDrawn(t *testing.T) {
	accepted := 0
	for seed := range uint64(400) {
		text := randproto.Text(seed)
		p, diags := idl.Compile("random.idc", []byte(text))
		if diags.Failed() {
			continue
		}
		accepted++
		drawn, err := draw.Protocol(p)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		q, diags := idl.Compile("drawn.idc", drawn)
		if diags.Failed() {
			t.Fatalf("seed %d: %v\n%s\n%s", seed, diags.Err(), text, drawn)
		}
		if diff := cmp.Diff(everything(t, p), everything(t, q)); diff != "" {
			t.Fatalf("seed %d: what was drawn is something else\n%s\n%s\n%s", seed, diff, text, drawn)
		}
	}
	if accepted < 100 {
		t.Errorf("only %d protocols were accepted", accepted)
	}
}

func everything(t *testing.T, p *schema.Protocol) string {
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
