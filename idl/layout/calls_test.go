package layout_test

import (
	"encoding/json"
	"testing"

	"github.com/xenidc/idc/idl"
	"github.com/xenidc/idc/idl/layout"
	"github.com/xenidc/idc/idl/schema"
)

const drawn = `protocol p
abi x86_64 "x86_64-abi"
abi x86_32 "x86_32-abi"
status enum status u32 { ok = 0 means success, failed = 1 means failure }
enum operation u32 { a = 1 }
bits flags u32 { urgent = bit 5, kind = bits 8 to 11 }
segment piece { gref gref, offset u16 in bytes, length u16 in bytes, covers length from offset }
struct hdr { n u64, flags flags }
struct request { id u32, operation operation, total u32, hdr hdr, m u32, seg piece[m] up to 4 }
struct response { id u32, status status }
ring requests {
	request  request
	response response
	tag      operation
	id       id
	pages    "ring-ref"
	channel  "event-channel"
}
keys from front by initialised {
	"ring-ref"      gref
	"event-channel" port
}
transaction a(hdr.n, data bulk from front) {
	form direct request { operation = a, hdr.flags.kind = 3, total = length of data, seg = data }
}
`

// Where each argument goes is told for each ABI, groups of bits and nested fields too.
func TestCallsSayWhereEverythingGoes(t *testing.T) {
	p, diags := idl.Compile("p.idc", []byte(drawn))
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	l := layout.Of(p, schema.ABIs[:2])
	forms := l.Calls[0].Forms
	if len(forms) != 2 || forms[0].ABI != "x86_64" || forms[1].ABI != "x86_32" {
		t.Fatalf("forms: %+v", forms)
	}
	want := map[string][2]layout.Bind{
		"hdr.n": {
			{Place: layout.Place{Path: "hdr.n", Offset: 16, Size: 8}, From: "argument", Arg: "n"},
			{Place: layout.Place{Path: "hdr.n", Offset: 12, Size: 8}, From: "argument", Arg: "n"},
		},
		"hdr.flags.kind": {
			{Place: layout.Place{Path: "hdr.flags.kind", Offset: 24, Size: 4, Shift: 8, Width: 4}, From: "constant", Value: json.Number("3")},
			{Place: layout.Place{Path: "hdr.flags.kind", Offset: 20, Size: 4, Shift: 8, Width: 4}, From: "constant", Value: json.Number("3")},
		},
		"total": {
			{Place: layout.Place{Path: "total", Offset: 8, Size: 4}, From: "length", Arg: "data"},
			{Place: layout.Place{Path: "total", Offset: 8, Size: 4}, From: "length", Arg: "data"},
		},
	}
	for i, f := range forms {
		got := map[string]layout.Bind{}
		for _, b := range f.Set {
			got[b.Path] = b
		}
		for path, both := range want {
			if got[path] != both[i] {
				t.Errorf("%s: %s is %+v, want %+v", f.ABI, path, got[path], both[i])
			}
		}
		if len(f.Match) != 1 || f.Match[0].Value != "1" || f.Match[0].Offset != 4 {
			t.Errorf("%s: match is %+v", f.ABI, f.Match)
		}
		if s := f.Segments; len(s) != 1 || s[0].Count.Offset != []int{32, 24}[i] || s[0].Array.Offset != []int{36, 28}[i] || s[0].Elem != "piece" || s[0].Most != 4 {
			t.Errorf("%s: segments are %+v", f.ABI, s)
		}
	}
	for _, r := range l.Records {
		if want := (layout.Covers{Gref: "gref", First: "offset", Count: "length", Bytes: 1}); r.Name == "piece" && r.Covers != want {
			t.Errorf("piece covers %+v, want %+v", r.Covers, want)
		}
	}
}
