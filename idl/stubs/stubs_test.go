package stubs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xenidc/idc/idl"
)

// file is a protocol that gets stubs, in pieces that a case may replace. What a case says is in the last line.
type file struct{ device, request, ring, front, back, call string }

func (f file) text() string {
	or := func(s, otherwise string) string {
		if s == "" {
			return otherwise
		}
		return s
	}
	return "protocol t\nstatus enum status u32 { ok = 0 means success, bad = 1 means failure }\n" +
		"segment piece { gref gref, offset u16 in bytes, length u16 in bytes, covers length from offset }\n" +
		"struct response { id u32, status status }\n" +
		or(f.device, `device "t"`) + "\n" +
		or(f.request, `struct request { id u32, op u16, n u16, other u16, seg piece[n] up to 8 }`) + "\n" +
		"ring r { request request, response response, tag op, id id, channel \"evt\", " + or(f.ring, `pages "ref"`) + " }\n" +
		"keys from front by initialised { \"ref\" gref, \"evt\" port }\n" +
		"keys from back by init_wait { \"flag\" bool default 0, \"num\" u32 default 3 }\n" +
		f.front + "\n" + f.back + "\n" +
		or(f.call, "transaction f(other) { form d request { op = 1 } }") + "\n"
}

// messages compiles a protocol and lists what is said about it.
func messages(t *testing.T, src string) string {
	t.Helper()
	_, diags := idl.Compile("t.idc", []byte(src))
	var got []string
	for _, d := range diags.Items() {
		if d.Cause == "" || d.Fix == "" {
			t.Errorf("%v says too little", d)
		}
		line := strings.Split(src, "\n")[d.Span.Line-1]
		got = append(got, fmt.Sprintf("%s %s: %s", d.ID, line[d.Span.Column-1:d.Span.Column-1+d.Span.End-d.Span.Offset], d.Message))
	}
	return strings.Join(got, "\n")
}

// What the stubs don't do is refused where it stands, and nothing else is.
func TestUnkept(t *testing.T) {
	for _, c := range []struct {
		file
		want string
	}{
		{file{}, ""},
		{file{call: `transaction g(other) quota 2 { form d request { op = 2 } }`}, "quota: `quota` limits nothing yet"},
		{file{call: `transaction g(other) { form d request when "flag" { op = 2 } }`}, ""},
		{file{call: `transaction g(other) when "flag" { form d request { op = 2 } }`}, ""},
		{file{device: `device "t" back "u"`}, "\"u\": the stubs don't look for a back in `u`"},
		{file{device: `device "t" back "t" or "u"`}, "\"u\": the stubs don't look for a back in `u`"},
		{file{device: `device "t" back "t"`}, ""},
		{file{ring: `pages "ref" or "ref%u" order "o" up to "m"`, front: `keys from front by initialised { "ref%u" gref optional, "o" u32 default 0 up to "m" }`,
			back: `keys from back by init_wait { "m" u32 default 0 }`}, ""},
		{file{ring: `pages "ref" or "refs%u" order "o" up to "m"`, front: `keys from front by initialised { "refs%u" gref optional, "o" u32 default 0 up to "m" }`,
			back: `keys from back by init_wait { "m" u32 default 0 }`}, "\"refs%u\": the pages of ring `r` can't be called `refs%u`"},
		{file{ring: `pages "ref" or "ref%u" order "o" up to "m"`, front: `keys from front by initialised { "ref%u" gref optional, "o" u32 up to "m" }`,
			back: `keys from back by init_wait { "m" u32 default 1 }`}, "\"o\": `o` counts as 0 where it is absent\nnot-generated \"m\": `m` counts as 0 where it is absent"},
		{file{ring: `pages "ref" or "ref%u" order "o" up to "m"`, front: `keys from front by initialised { "ref%u" gref optional, "o" u32 default 0 0 to "m" }`,
			back: `keys from back by connected { "m" u32 default 0 }`}, "\"o\": `o` isn't held within bounds\nnot-generated \"m\": `m` isn't there by connected only"},
		{file{ring: `persistent "k", pages "ref"`, front: `keys from front by initialised { "k" bool default 0 both }`, back: `keys from back { "k" bool default 0 both }`}, ""},
		{file{request: `struct request { id u32, op u16, n u16, other u16 names request, seg piece[n] up to 8 }`}, "other: `other` doesn't find the request that it names"},
		{file{front: `keys from front { "a" u32 default 1 minimum }`, back: `keys from back { "a" u32 default 1 }`},
			"\"a\": `a` isn't negotiated\nnot-generated \"a\": `a` isn't negotiated"},
		{file{front: `keys from front { "a" bool default 1 both }`, back: `keys from back { "a" bool default 1 both }`},
			"\"a\": `a` isn't negotiated\nnot-generated \"a\": `a` isn't negotiated"},
		{file{front: `keys from front { "a" u32 default 1 up to "num" }`}, "\"a\": `a` isn't held against `num`"},
		{file{front: `keys from front { "a" u32 1 to "num" default 1 }`}, "\"a\": `a` isn't held against `num`"},
		{file{front: `keys from front { "a" u32 default 1 up to "num" deprecated }`}, ""},
		{file{front: `keys from front { "a/%u" u32 default 1 each 1 to 4 }`}, "\"a/%u\": `a/%u` stands for a row of keys, which stubs don't write"},
		{file{front: `keys from front { "protocol" u32 default 1 }`}, "\"protocol\": `protocol` is the ABI's name, and no number"},
		{file{front: `keys from front { "protocol" string optional }`}, ""},
		{file{back: `keys from back { "a" pair of hex u32 optional }`}, "\"a\": `a` is a pair of numbers, which stubs don't write"},
		{file{back: `keys from toolstack in back { "a" pair of hex u32 optional by initialising }`}, ""},
		{file{front: `keys from front by init_wait { "a" u32 default 1 }`}, "\"a\": `a` isn't there by init_wait"},
		{file{back: `keys from back { "a" u32 default 1 by initialising }`}, "\"a\": `a` isn't there by initialising"},
	} {
		want := c.want
		if want != "" {
			want = "not-generated " + want
		}
		if diff := cmp.Diff(want, messages(t, c.text())); diff != "" {
			t.Errorf("%s\n%s", c.text(), diff)
		}
	}
}

// The names of queues' directories are the runtime's.
func TestQueueDirectories(t *testing.T) {
	src := file{ring: `queues "q" up to "mq" under "lane%u", pages "ref"`, front: `keys from front by initialised { "q" u32 default 1 up to "mq" }`,
		back: `keys from back by init_wait { "mq" u32 default 1, "wide" u32 default as "mq" }`}.text()
	src = strings.Replace(src, `"ref" gref, "evt" port`, `"ref" gref per queue, "evt" port per queue, "mine" u32 default 1 per queue`, 1)
	want := "not-generated \"lane%u\": the queues of ring `r` can't be under `lane%u`\n" +
		"not-generated \"mine\": `mine` isn't written for each queue\nnot-generated \"wide\": `wide` can't be as `mq`"
	if diff := cmp.Diff(want, messages(t, src)); diff != "" {
		t.Error(diff)
	}
}

// A protocol without stubs is told why, at each declaration that is a cause; what stubs wouldn't do does no harm in it.
func TestNoStubs(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{file{call: "transaction f(d bulk both ways) quota 2 { form d request { seg = d } }"}.text(),
			"no-stubs d: no stubs are made of protocol `t`: `d` goes both ways"},
		{file{call: "transaction f(d bulk of piece from front) { form d request { seg = d } }"}.text(),
			"no-stubs d: no stubs are made of protocol `t`: `d` is a bulk of `piece`"},
		{file{call: "transaction f(d bulk from front, e bulk from back) { form d request { seg = d then e counted other } }"}.text(),
			"no-stubs e: no stubs are made of protocol `t`: `e` is a second bulk of `f`"},
		{file{call: "message m(other) from front quota 3 { form d request { } }"}.text(),
			"no-stubs m: no stubs are made of protocol `t`: `m` is a message"},
		{"protocol t\nmessage m() from back\ntransaction f()\n", "no-stubs m: no stubs are made of protocol `t`: `m` is a message"},
		{"protocol t\nconst x = 1\n", "no-stubs t: no stubs are made of protocol `t`: `t` has no transactions"},
	} {
		if diff := cmp.Diff(c.want, messages(t, c.src)); diff != "" {
			t.Errorf("%s\n%s", c.src, diff)
		}
		if _, diags := idl.Compile("t.idc", []byte(c.src)); diags.Failed() || !diags.Clean() {
			t.Error("a note is taken for something wrong")
		}
	}
}
