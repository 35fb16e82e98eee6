package store

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParsePerm(t *testing.T) {
	for _, s := range []string{"n0", "r1", "w32752", "b65535"} {
		p, err := ParsePerm(s)
		if err != nil || p.String() != s {
			t.Errorf("%q became %v, %v", s, p, err)
		}
	}
	for _, s := range []string{"", "n", "0", "x1", "n-1", "n+1", "n65536", "r 1", "rw1", "n0 "} {
		if p, err := ParsePerm(s); err == nil {
			t.Errorf("%q became %v", s, p)
		}
	}
}

func TestParseState(t *testing.T) {
	for s := StateUnknown; s <= StateReconfigured; s++ {
		if got := ParseState(s.Value()); got != s {
			t.Errorf("%v became %v", s, got)
		}
	}
	for _, v := range []string{"", "9", "-1", "4 ", "04x", "99999999999999999999", "Connected"} {
		if got := ParseState(v); got != StateUnknown {
			t.Errorf("%q became %v", v, got)
		}
	}
	if got := StateConnected.String() + " " + State(9).String(); got != "Connected State(9)" {
		t.Error(got)
	}
}

func TestValidPath(t *testing.T) {
	long := "/" + strings.Repeat("a", MaxAbsPath-1)
	for _, p := range []string{"/", "/a", "/a/b-c_d@e/0", "/@x", long} {
		if !ValidPath(p) {
			t.Errorf("%.20q is refused", p)
		}
	}
	for _, p := range []string{"", "a", "//", "/a/", "/a//b", "/a b", "/a.b", "/a\x00", "/ä", long + "a"} {
		if ValidPath(p) {
			t.Errorf("%.20q is accepted", p)
		}
	}
}

func TestCanonical(t *testing.T) {
	for p, want := range map[string]string{
		"a":         "/local/domain/7/a",
		"a/b":       "/local/domain/7/a/b",
		"/a":        "/a",
		"../8/a":    "", // dots aren't allowed in paths at all
		"a/":        "",
		"":          "",
		"@x":        "",
		"local/x@y": "/local/domain/7/local/x@y",
	} {
		got, ok := canonical(p, 7)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q became %q, %v; want %q", p, got, ok, want)
		}
		if !ok {
			continue
		}
		if back := unrelative(got, DomainPath(7)); p[0] != '/' && back != p {
			t.Errorf("%q came back as %q", p, back)
		}
	}
}

func TestSplitStrings(t *testing.T) {
	for in, want := range map[string][]string{
		"": nil, "\x00": {""}, "a\x00": {"a"}, "a\x00\x00b\x00": {"a", "", "b"},
	} {
		got, ok := splitStrings([]byte(in))
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("%q: %v %s", in, ok, diff)
		}
	}
	if _, ok := splitStrings([]byte("a\x00b")); ok {
		t.Error("a list without its last NUL is accepted")
	}
}

func TestTypeNames(t *testing.T) {
	for typ := Type(0); typ < typeCount; typ++ {
		if name := typ.String(); (handlers[typ].do != nil) && strings.HasPrefix(name, "type ") {
			t.Errorf("type %d has no name", typ)
		}
	}
	if got := Type(20).String() + Type(1<<31).String(); got != "type 20type 2147483648" {
		t.Error(got)
	}
}
