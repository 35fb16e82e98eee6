package resolve_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xenidc/idc/idl"
	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
)

// drawn is a protocol that draws its ring; the cases below add to it or change a line of it.
const drawn = `protocol t version 3
unit blocks = 4 KiB
status enum status u32 { ok = 0 means success, bad = 1 means failure }
enum op u8 { a = 1, b = 2 }
bits flags u8 { x = bit 0, kind = bits 1 to 2 as op }
segment piece { gref gref, offset u16 in bytes, length u16 in bytes, covers length from offset }
struct request { op op, flags flags, n u16, id u32, at u32 in blocks, len u32 in bytes, more u16, other u16, seg piece[n] up to 8 }
struct response { id u32, status status, got u32 }
ring r { request request, response response, tag op and flags.kind, id id, pages "ref", channel "evt" }
keys from front by initialised { "ref" gref, "evt" port, "q" u32 default 1, "name" string default "" }
keys from back by connected { "flag" bool default 0, "num" u32 default 0, "size" u32 in blocks default 0, "text" string optional }
`

func TestMistakes(t *testing.T) {
	lines := strings.Count(drawn, "\n")
	for _, c := range []struct{ src, want string }{
		// transactions and forms
		{"transaction f(at, data bulk from back) replay { form d request { op = a, seg = data }, split data advancing at }", ""},
		{"transaction f(at, data bulk from back) -> (got) { form d request { op = a, seg = data }, split data advancing at }", "bad-split"},
		{"open enum w u8 { one = 1 }\nbits wide u32 { g = bits 1 to 31 as w }", "out-of-range"},
		{"enum w u8 { one = 1 }\nbits wide u16 { g = bits 0 to 8 as w }", "out-of-range"},
		{"open enum w u8 { one = 1 }\nbits wide u16 { g = bits 1 to 8 as w }", ""},
		{"transaction f(at) { form d request { op = c } }", "unknown-name"},
		{"transaction f(at) { form d request { op = 7 } }", ""},
		{"transaction f(at) { form d request { op = 256 } }", "out-of-range"},
		{"transaction f(at) { form d request { flags.kind = 4 } }", "out-of-range"},
		{"transaction f(at) { form d request { flags.y = 1 } }", "unknown-name"},
		{"transaction f(at) { form d request { flags = 1, flags.x = 1 } }", "bound-twice"},
		{"transaction f(at) { form d request { len = at } }", "unit-mismatch"},
		{"transaction f(x u32 in blocks) { form d request { len = x } }", "unit-mismatch"},
		{"transaction f(at) { form d request { seg = at } }", "type-mismatch"},
		{"transaction f(at) { form d request { seg = 4 } }", "type-mismatch"},
		{"transaction f(at) { form d request { more = device } }", ""},
		{"transaction f(at) { form d request { len = device } }", "type-mismatch"},
		{"transaction f(at) { form d request { op = request.op } }", "direction"},
		{"transaction f(at) { form d request { response.got = request.len } }", ""},
		{"transaction f(at) { form d request { response.got = request.op } }", "type-mismatch"},
		{"transaction f(at) { form d request { response.nothing = 1 } }", "unknown-name"},
		{"transaction f(d bulk from back) { form d request { seg = d, len = length of d } }", ""},
		{"transaction f(at) optional when \"flag\" { form d request { op = a } }", ""},
		{"transaction f(at) optional { form d request { op = a } }", "bad-modifier"},
		{"message f(at) from front optional { form d request { op = a } }", "bad-modifier"},
		{"transaction f() { form d request { op = a } then g }\ntransaction g(at, d bulk from front) { form d request { op = b, seg = d } }", ""},
		{"transaction f() { form d request { op = a } then h }\ntransaction g(at, d bulk from front) { form d request { op = b, seg = d } }", "unknown-name"},
		{"transaction f() { form d request { op = a } then g }\ntransaction g(at, d bulk from back) { form d request { op = b, seg = d } }", "wrong-kind"},
		{"transaction f() { form d request { op = a } then g }\ntransaction g(at) { form d request { op = b } }", "wrong-kind"},
		{"transaction f(e bulk from front) { form d request { op = a, seg = e } then g }\ntransaction g(at, d bulk from front) { form d request { op = b, seg = d } }", "wrong-kind"},
		{"message f(at) from front { form d request { op = a } then f }", "bad-modifier"},
		{"transaction f(d bulk from back) { form d request { seg = d, op = length of d } }", "type-mismatch"},
		{"transaction f(d bulk from back) { form d request { seg = d, len = length of e } }", "unknown-name"},
		{"transaction f(d bulk from back) { form d request { } }", "unbound"},
		{"transaction f(d bulk from back, e bulk both ways) { form d request { seg = d then e counted more } }", ""},
		{"transaction f(d bulk from back, e bulk both ways) { form d request { seg = d, seg = e } }", "unbound bound-twice"},
		{"transaction f(d bulk from back) { form d request { seg = d then x counted more } }", "unknown-name"},
		{"transaction f(d bulk from back up to 4 blocks) { form d request { seg = d } }", "syntax"},
		{"transaction f(d bulk sideways) { form d request { seg = d } }", "syntax"},
		{"transaction f(d bulk from side) { form d request { seg = d } }", "unknown-name"},
		{"transaction f(at) { form d request { }, form d request { } }", "duplicate-name"},
		{"transaction f(at) { form d request { }, form e request { } }", "form-clash"},
		{"transaction f(at) { form d nothing { } }", "unknown-name"},
		{"transaction f(at) { form d response { } }", "unknown-name"},
		{"transaction f(at) -> (got, got) { form d request { } }", "duplicate-name"},
		{"transaction f(at) -> (missing) { form d request { } }", "unknown-name"},
		{"transaction f(missing) { form d request { } }", "unknown-name"},
		{"transaction f(flags.x) { form d request { op = a } }", ""},
		{"transaction f(flags.x bool) { form d request { op = a } }", "wrong-kind unbound"},
		{"transaction f(at) on s { form d request { } }", "unknown-name"},
		{"transaction f(at) credit { form d request { } }", "direction"},
		{"transaction f(at) replay fail { form d request { } }", "bad-modifier"},
		{"transaction f(at) number 3 { form d request { } }", "mixed-forms"},
		{"transaction f(at) quota 0 { form d request { } }", "out-of-range"},
		{"transaction f(at) when \"num\" { form d request { } }", "key-value"},
		{"transaction f(at) when \"ref\" { form d request { } }", "unknown-name"},
		{"transaction f(at) since 4 { form d request { } }", "bad-since"},
		{"transaction f(at) { form d request up to \"num\" { } }", ""},
		{"transaction f(at) { form d request up to \"flag\" { } }", "key-value"},
		{"transaction f(at) { form d request { }, split at advancing at }", "bad-split"},
		{"transaction f(at) { split at advancing at }", "mixed-forms"},
		{"transaction f() { form d request { } }\ntransaction f() { form d request { op = a } }", "duplicate-name"},
		{"message m(at) from front { form d request { op = a } }", ""},
		{"message m(at) from front credit { form d request { op = a } }", "direction"},
		{"message m(got) from back credit { form d response { } }", ""},
		{"message m(got) from back { form d response { } }", "direction"},
		{"message m(got) from back credit replay { form d response { } }", "bad-modifier"},
		{"message m(d bulk from back) from back credit { form d response { } }", "direction unbound"},
		{"message m(at) from front { form d request { response.got = 1 } }", "direction"},
		{"reserved 5", "mixed-forms"},
		// types
		{"struct s { a u32[] }", "missing-bound"},
		{"struct s { a u32[4] up to 8 }", "bad-count"},
		{"struct s { n i8, a u32[n] up to 8 }", "bad-count"},
		{"struct s { a u32[0] }", "out-of-range"},
		{"struct s { a bool in blocks }", "unit-mismatch"},
		{"struct s { a u32 in op }", "wrong-kind"},
		{"struct s { a u32 by n }", "union-tag"},
		{"struct s { a u32 when 1 }", "union-tag"},
		{"struct s { a gref to pages of piece[n], n u16 }", "wrong-kind"},
		{"struct s { a gref[2] to pages of request[n], n u16 }", "wrong-kind"},
		{"struct s { a u8, a u16 }", "duplicate-name"},
		{"struct s { covers a to b }", "segment-shape"},
		{"struct s { a u8 on sparc }", "unknown-name"},
		{"struct s { a u32 at 2 }", "bad-offset"},
		{"struct s { a u8[2000000] }", "out-of-range"},
		{"struct s { a u8[1000000], b u8[1000000] }", "out-of-range"},
		{"struct u8 { a u8 }", "duplicate-name"},
		{"segment s { gref gref, a u8, b u8, covers a to b }", "segment-shape"},
		{"segment s { gref gref, a u8 in blocks, b u8 in bytes, covers a to b }", "unit-mismatch"},
		{"segment s { gref gref, a u8 in bytes, covers a to c }", "unknown-name"},
		{"union u { a u8 when 1, b u8 }", "union-tag"},
		{"union u { a u8 at 1 }", "union-tag"},
		{"union u { a bytes up to 4 }", "union-tag"},
		{"union u { a u8 when 1, b u8 when 1 }\nstruct s { n u8, u u by n }", "duplicate-value"},
		{"union u { a u8, b u8 }\nstruct s { n u8, u u by n }", "union-tag"},
		{"union u { a u }", "cycle"},
		{"enum e u8 { a = 1, a = 2 }", "duplicate-name"},
		{"enum e u8 { }", "out-of-range"},
		{"enum e u8 { reserved 1 }", "out-of-range"},
		{"open enum e u8 { }", ""},
		{"enum e u9 { a = 1 }", "wrong-kind"},
		{"enum e u8 { a = 1 means success }", "status-roles"},
		{"enum e u8 { a = 1, reserved 4 to 2 }", "out-of-range"},
		{"status enum e u8 { a = 1 means success and failure }", "status-roles"},
		{"bits b u8 { a = bit 8 }", "out-of-range"},
		{"bits b u8 { a = bit 1 as op }", "out-of-range"},
		{"const a = b\nconst b = a", "cycle"},
		{"const a in bytes = 1\nconst b in blocks = a", "unit-mismatch"},
		{"const a = 20000000000 GiB", "out-of-range"},
		{"unit u = 0", "out-of-range"},
		{"frozen struct s { a u8 since 2 }", "frozen-grows"},
		{"stream ring c { }", "not-generated"},
		{"status const a = 1", "bad-modifier"},
		{"protocol again", "duplicate-name"},
		{"abi sparc", "unknown-name"},
		// rings and keys
		{"ring s { request request, response response, id id, pages \"ref\", channel \"evt\" }", "duplicate-name"},
		{"ring s { request request, response response, id id, pages \"evt\", channel \"evt\" }", "key-value"},
		{"ring s { request request, response response, id id, pages \"num\", channel \"evt\" }", "key-place"},
		{"ring s { request request, response response, id op, pages \"name\", channel \"evt\" }", "ring-shape key-value"},
		{"ring s { request nothing, response response, id id, pages \"ref\", channel \"evt\" }", "duplicate-name unknown-name"},
		{"ring s { }", "ring-shape ring-shape ring-shape ring-shape ring-shape"},
		{"keys from front { \"ref\" gref }", "duplicate-name"},
		{"keys from side { }", "unknown-name"},
		{"keys from toolstack { }", "key-place"},
		{"keys from back by nowhere { }", "unknown-name"},
		{"keys from back { \"a\" u32 per queue }", "key-place"},
		{"keys from back { \"a\" string 1 to 2 }", "key-value"},
		{"keys from back { \"a\" u8 default 256 }", "out-of-range"},
		{"keys from back { \"a\" bool default 2 }", "out-of-range"},
		{"keys from back { \"a\" u32 default as \"size\" }", "unit-mismatch"},
		{"keys from back { \"a\" u32 default as \"text\" }", "key-value"},
		{"keys from back { \"a\" u32 default as \"b\", \"b\" u32 default as \"a\" }", "cycle"},
		{"keys from back { \"a\" u32 default 0 optional }", "key-value"},
		{"keys from back { \"a\" one of \"x\" or \"y\" default \"z\" }", "unknown-name"},
		{"keys from back { \"a\" hex string }", "wrong-kind"},
		{"keys from back { \"a\" request }", "wrong-kind"},
		{"keys from back { \"a\" u32 up to \"text\" }", "key-value"},
		{"keys from back { \"a\" u32 each 1 to 4 }", "key-name"},
		{"keys from back { \"a%u\" u32 each 1 to \"num\" }", ""},
		{"keys from back { \"name\" string minimum }", "key-rule"},
		{"ring s { request request or request, response response, id id, tag op, pages \"ref2\", channel \"evt\" }\nkeys from front { \"ref2\" gref }", "duplicate-name"},
		{"ring s { request request, response response, id id, pages \"ref%u\", channel \"evt\" }\nkeys from front { \"ref%u\" gref }", "key-name"},
		{"ring s { request request, response response, id id, pages \"ref2\", channel \"evt%u\" }\nkeys from front { \"ref2\" gref, \"evt%u\" port }", "key-name"},
		{"ring s { request request, response response, id id, pages \"ref2\", channel \"evt\" }\nkeys from front { \"ref2\" hex gref }", "key-value"},
		{"ring s { request request, response response, id id, slot 1001, pages \"ref2\", channel \"evt\" }\nkeys from front { \"ref2\" gref }", "slot-size"},
		{"ring s { request request, response response, id id, slot 104, pages \"ref2\", channel \"evt\" }\nkeys from front { \"ref2\" gref }", ""},
		{"ring s { request request, response response, id missing, pages \"ref2\", channel \"evt\" }\nkeys from front { \"ref2\" gref }", "unknown-name"},
		{"ring s { request request, response response, id id, pages \"ref2\", channel \"evt\", queues \"q\" up to \"num\" under \"a/b\" }\nkeys from front { \"ref2\" gref }", "key-place key-place key-name"},
		{"transaction f(at) { form d request { at.x = 1 } }", "unknown-name"},
		{"struct s { a_len u8, a bytes up to 4 }", "duplicate-name"},
		{"struct req2 { id u32, a u32, b u32 }\nstruct rsp2 { id u32, status status, b u64 }\nring s { request req2, response rsp2, id id, pages \"ref2\", channel \"evt\" }\n" +
			"keys from front { \"ref2\" gref }", ""},
		{"struct req2 { id u32, a u32, b u32, c u32, d u32 }\nstruct rsp2 { id u32, status status, b u64 }\nring s { request req2, response rsp2, id id, pages \"ref2\", channel \"evt\" }\n" +
			"keys from front { \"ref2\" gref }", "layout-differs"},
		{"struct req2 { id u32, a u32, b u32, c u32, d u32 }\nstruct rsp2 { id u32, status status, b u64 }\nring s { request req2, response rsp2, id id, slot 24, pages \"ref2\", channel \"evt\" }\n" +
			"keys from front { \"ref2\" gref }", ""},
		{"transaction f(d bulk from back up to 32 KiB) { form d request { seg = d } }", ""},
		{"transaction f(d bulk from back up to 33 KiB) { form d request { seg = d } }", "out-of-range"},
		{"transaction f(at, d bulk from back up to 33 KiB) { form d request { seg = d }, split d advancing at }", ""},
		{"enum e u8 {}", "out-of-range"},
		{"enum e u8 { reserved 3 }", "out-of-range"},
		{"enum e u8 { x = nothing }", "unknown-name"},
		{"open enum e u8 {}", ""},
		{"keys from back { \"state\" u32 default 0 }", "duplicate-name"},
		{"keys from front { \"backend-id\" u32 default 0 }", "duplicate-name"},
		{"keys from toolstack in back { \"online\" bool default 1 }", ""},
		// what a response can't have
		{"transaction f(at) { form d request { response.got = at } }", "unit-mismatch direction"},
		{"transaction f(more) { form d request { response.got = more } }", "type-mismatch direction"},
		{"transaction f(at) { form d request { response.got = device } }", "direction"},
		{"transaction f(d bulk from back) { form d request { seg = d, response.got = length of d } }", "direction"},
		{"transaction f(at) { form d request { response.got = 7 } }", ""},
		{"struct rsp2 { id u32, status status, x u32 = device }\nring s { request request, response rsp2, tag op, id id, pages \"ref2\", channel \"evt\" }\n" +
			"keys from front { \"ref2\" gref }\ntransaction f(at) on s { form d request { op = 1 }, form e request { op = 2 } }", "direction"},
		// doing a thing twice
		{"transaction f(d bulk both ways) replay { form d request { seg = d } }", "bad-modifier"},
		{"transaction f(d bulk both ways) replay idempotent { form d request { seg = d } }", ""},
		{"transaction f(d bulk both ways) fail { form d request { seg = d } }", ""},
		{"transaction f(d bulk from back) replay idempotent { form d request { seg = d } }", "bad-modifier"},
		{"transaction f(at) replay replay { form d request { } }", "bad-modifier"},
		{"transaction f(at) when \"flag\" when \"flag\" { form d request { } }", "bad-modifier"},
		{"transaction f(at) since 1 since 2 { form d request { } }", "bad-modifier"},
		{"transaction f(at) fail on r fail on r { form d request { } }", "bad-modifier bad-modifier"},
		{"device \"a\" back \"b\" or \"b\"", "bad-modifier"},
		{"enum e u8 { a = 1 }\nstatus enum e2 u8 { a = 1 means failure and failure }", "status-roles status-roles status-roles"},
		// what is no name
		{"device \"\"", "key-name"},
		{"device \"a/b\"", "key-name"},
		{"device \"a%u\"", "key-name"},
		{"device \"a b\"", "key-name"},
		{"device \"a\" back \"..\"", "key-name"},
		{"abi x86_64 \"\"", "key-value"},
		{"abi x86_64 \"a b\"", "key-value"},
		{"abi x86_64 \"a\"\nabi x86_32 \"a\"", "duplicate-value"},
		// flags that can't be relied on
		{"transaction f(at) when \"fe\" { form d request { } }\nkeys from toolstack in back { \"fe\" bool default 0 }", "key-place"},
		{"transaction f(at) when \"fe\" { form d request { } }\nkeys from back { \"fe\" bool default 0 deprecated }", "key-value"},
		{"transaction f(at) { form d request up to \"fe\" { } }\nkeys from toolstack in back { \"fe\" u32 default 0 }", "key-place"},
		// numbers are exact, whatever their size
		{"const a = 0xffffffffffffffff\nconst b = -9223372036854775808", ""},
		{"const a = -9223372036854775809", "out-of-range"},
		{"const a = 0x1_0000_0000_0000_0000", "out-of-range"},
		{"const a = 99999999999999999999999999", "out-of-range"},
		{"const a = 0777", "bad-token"},
		{"const a = 00", "bad-token"},
		{"enum e u64 { a = 0xffffffffffffffff }", ""},
		{"enum e i64 { a = 0xffffffffffffffff }", "out-of-range"},
		{"enum e i64 { a = -9223372036854775808 }", ""},
		{"enum e u64 { a = -1 }", "out-of-range"},
		{"bits b u64 { a = bits 0 to 63 as big }\nenum big u64 { x = 0xffffffffffffffff }", ""},
		{"bits b u64 { a = bits 0 to 62 as big }\nenum big u64 { x = 0xffffffffffffffff }", "out-of-range"},
		{"union u { a u8 when 0xffffffffffffffff, b u8 when 18446744073709551615 }\nstruct s { n u64, u u by n }", "duplicate-value"},
		{"enum e u64 { reserved 9223372036854775808 to 18446744073709551615, a = 18446744073709551614 }", "reserved-value"},
		{"enum e u8 { reserved 1 to 20 and 5 and 7 to 9, a = 12 }", "reserved-value"},
		{"enum e u8 { reserved 1 to 20 and 5 and 7 to 9, a = 21 }", ""},
		{"keys from back { \"a\" u64 0 to 0xffffffffffffffff default 18446744073709551615 }", ""},
		{"keys from back { \"a\" i64 0 to 0xffffffffffffffff }", "out-of-range"},
		// what is said twice, or contradicts itself
		{"keys from back { \"a\" u32 1 to 5 default 9 }", "key-value"},
		{"keys from back { \"a\" u32 up to 5 default 9 }", "key-value"},
		{"keys from back { \"a\" u32 default 3 default 4 }", "bad-modifier"},
		{"keys from back { \"a\" u32 1 to 2 1 to 5 }", "bad-modifier"},
		{"keys from back { \"a\" u32 1 to 2 up to 5 }", "bad-modifier"},
		{"keys from back { \"a\" string optional optional }", "bad-modifier"},
		{"keys from back { \"a\" u32 by connected by connected }", "bad-modifier"},
		{"keys from back { \"a\" u32 5 to 1 }", "out-of-range"},
		{"keys from back { \"a\" one of \"x\" or \"x\" }", "duplicate-value"},
		{"keys from back { \"a\" op default 9 }", "key-value"},
		{"keys from back { \"a\" flags default 8 }", "key-value"},
		{"keys from back { \"a\" hex u32 1 to 2 }", "key-value"},
		{"keys from back { \"a\" u32 1 to 5 default as \"b\", \"b\" u32 default 1 }", "key-value"},
		{"keys from back { \"a\" u32 1 to 5 default as \"b\", \"b\" u32 2 to 5 default 2 }", ""},
		{"keys from back { \"a\" u32 default as \"q\" }", "key-place"},
		{"keys from back { \"a\" u32 default as \"b\", \"b\" u32 default 1 deprecated }", "key-value"},
		{"keys from back { \"a\" u32 default as \"b\", \"b\" u32 default as \"c\", \"c\" u32 default as \"b\" }", "cycle"},
		// a mistake is said once
		{"const a = nothing\nenum e u8 { x = a, y = a }", "unknown-name"},
		{"struct s { a u32[nothing], b u8 at nothing }", "missing-bound unknown-name"},
		{"transaction f(at) { form d request { op = nothing } }", "unknown-name"},
		{"transaction f(at) quota nothing { form d request { } }", "unknown-name"},
		{"keys from back { \"a\" u8 1 to nothing default nothing }", "unknown-name unknown-name"},
		{"struct s { a u8 since nothing }", "unknown-name"},
		{"enum e u8 { a = 1, reserved nothing to 5 }", "unknown-name"},
	} {
		_, diags := idl.Compile("t.idc", []byte(drawn+c.src+"\n"))
		var got []string
		for _, d := range diags.Items() {
			if d.Severity == diag.Remark {
				continue
			}
			got = append(got, string(d.ID))
			if d.Span.Line <= lines {
				t.Errorf("%s\nis reported in another line: %v", c.src, d)
			}
		}
		if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s\n%s\n%v", c.src, diff, diags.Err())
		}
	}
}

// Protocols whose layout the compiler chooses have mistakes of their own.
func TestMistakesInNewProtocols(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"transaction f(a u8)", ""},
		{"transaction f(a)", "mixed-forms"},
		{"transaction f(id u8)", "duplicate-name"},
		{"transaction f(a u8) -> (status u8)", "duplicate-name"},
		{"transaction f(a string up to 4, a_len u8)", "duplicate-name"},
		{"transaction f(a u8) on r", "mixed-forms"},
		{"transaction f(a bulk from front)", "missing-bound"},
		{"transaction f(a bulk from front up to 1 GiB)", "out-of-range"},
		{"transaction f(a bytes up to 5000)", "slot-size"},
		{"transaction f(a u8) number 70000", "out-of-range"},
		{"transaction f(a u8) number 65535\ntransaction g(a u8)", "out-of-range"},
		{"reserved 2 to 0xffffffffffffffff\ntransaction f(a u8)\ntransaction g(a u8)", "out-of-range"},
		{"transaction f(a u8) number 1\ntransaction g(a u8) number 1", "duplicate-value"},
		{"reserved 2\ntransaction f(a u8) number 2", "reserved-value"},
		{"enum operation u8 { a = 1 }\ntransaction f(a u8)", "duplicate-name"},
		{"keys from front { \"ring-ref\" gref }\ntransaction f(a u8)", "duplicate-name"},
		{"message m(a u8) from front credit", "direction"},
		{"message m(a u8) from nowhere", "unknown-name"},
		{"transaction f(pad u8)", "duplicate-name"},
		{"transaction f(a bulk both ways up to 1 KiB) replay", "bad-modifier"},
		{"transaction f(a bulk both ways up to 1 KiB) replay idempotent", "no-stubs"},
		{"transaction f(a u8) replay quota 3 quota 4 replay number 4 number 5", "bad-modifier bad-modifier bad-modifier"},
		{"struct s { a u32, b u64 }\ntransaction f(s s)", "layout-differs"},
		{"struct s { b u64, a u32 }\ntransaction f(s s)", "layout-differs"},
		{"union u { b u64, a bytes[12] }\ntransaction f(u u[2])", "layout-differs"},
		{"union u { b u64, a bytes[16] }\ntransaction f(u u[2])", ""},
		{"transaction f(a u8, b u8 since 2, c u8 since 2)", ""},
		{"transaction f(a u8 since 2, b u8)", "bad-since"},
		{"transaction f(a u8) -> (b u8 since 3, c u8 since 2)", "bad-since"},
		{"transaction f(a bulk from front up to 4 KiB since 2, b u8)", "bad-since"},
		{"struct s { a u8, b u8 since 2 }\ntransaction f(s s)", "bad-since"},
		{"transaction f(a u8) since 2\ntransaction g(a u8)", "bad-since"},
		{"transaction f(a u8) number 1 since 2\ntransaction g(a u8) number 2", ""},
	} {
		_, diags := idl.Compile("t.idc", []byte("protocol t version 3\n"+c.src+"\n"))
		var got []string
		for _, d := range diags.Items() {
			got = append(got, string(d.ID))
		}
		if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s\n%s\n%v", c.src, diff, diags.Err())
		}
	}
}

// Numbers are given in order, and leave out what is reserved.
func TestOperationNumbers(t *testing.T) {
	p, diags := idl.Compile("t.idc", []byte("protocol t\nreserved 2 to 3 and 6\ntransaction a()\ntransaction b()\n"+
		"message c() from back\ntransaction d()\ntransaction e() number 40\ntransaction f()\n"))
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range p.EnumByName("operation").Values {
		got = append(got, fmt.Sprintf("%s=%d", v.Name, v.Value))
	}
	if diff := cmp.Diff("a=1 b=4 c=5 d=7 e=40 f=41", strings.Join(got, " ")); diff != "" {
		t.Error(diff)
	}
}

// What is said about a mistake is true, and helps.
func TestAdvice(t *testing.T) {
	for _, c := range []struct{ src, message, cause, fix string }{
		{"struct s { a int }", "there is no type `int`", "the types of numbers are u8 to u64 and i8 to i64", "write `i32`"},
		{"struct s { a uint32 }", "there is no type `uint32`", "the types of numbers are u8 to u64 and i8 to i64", "write `u32`"},
		{"struct s { a float }", "there is no type `float`", "there are no fractions: two machines must agree on every bit, so send a number of a unit that is small enough", "write `i64`"},
		{"struct s { a u33 }", "there is no type `u33`", "nothing of that name is declared", "write `u32`, or declare `u33`"},
		{"struct s { a string }", "nothing says how long this may become", "memory is reserved before anything is sent, and a peer mustn't choose how much", "write `string up to 64`, or the greatest length that it needs"},
		{"struct s { a u8, b u32 at 1 }", "`b` can't be at 1", "on x86_64 its alignment is 4", "write `at 4`, or another multiple of 4"},
		{"struct s { a u16, b u32 at 1 }", "`b` can't be at 1", "on x86_64 the fields before it reach to 2", "write `at 4` or more"},
		{"enum e u64 { a = 0xffffffffffffffff, b = 18446744073709551615 }", "18446744073709551615 is `a` already", "a receiver couldn't tell them apart", "give `b` a number of its own"},
		{"enum e i64 { a = 0x8000000000000000 }", "9223372036854775808 doesn't fit", "the type holds -9223372036854775808 to 9223372036854775807", "write a number in that range, or use a wider type"},
		{"const x = 0777", "`0777` is not a number", "a number that begins with 0 is octal in C, and decimal elsewhere", "write `777`, or hexadecimal after `0x`"},
		{"transaction f(at) { form d request { zz = 1 } }", "there is no field of request `zz`", "what could stand here is `op`, `flags`, `n`, `id`, `at`, `len`, `more`, `other`, `seg`", "write one of these"},
		{"transaction f(at) { form d request { op = q } }", "there is no value of op `q`", "nothing here has that name", "write `a`"},
		{"keys from back by nowhere { }", "there is no state `nowhere`", "what could stand here is `initialising`, `init_wait`, `initialised`, `connected`", "write one of these"},
	} {
		_, diags := idl.Compile("t.idc", []byte(drawn+c.src+"\n"))
		list := slices.DeleteFunc(diags.Items(), func(d *diag.Diagnostic) bool { return d.Severity == diag.Remark })
		if len(list) != 1 {
			t.Errorf("%s: %v", c.src, diags.Err())
			continue
		}
		if d := list[0]; d.Message != c.message || d.Cause != c.cause || d.Fix != c.fix {
			t.Errorf("%s\n%s\nbecause %s\nfix: %s", c.src, d.Message, d.Cause, d.Fix)
		}
	}
}

// A slot fits into a page on every ABI that the protocol is spoken in, and only there it must.
func TestSlotsOnEveryABI(t *testing.T) {
	const ring = "struct response { id u32, status status }\nstatus enum status u32 { ok = 0 means success, bad = 1 means failure }\n" +
		"ring r { request request, response response, id id, pages \"ref\", channel \"evt\" }\n" +
		"keys from front by initialised { \"ref\" gref, \"evt\" port }\ntransaction f() { form d request { } }\n"
	const large = "struct request { id u32, big u8[4050] on x86_32 }\n"
	for abis, want := range map[string]string{"abi x86_64\nabi x86_32\n": "slot-size", "abi x86_64\nabi arm\n": ""} {
		_, diags := idl.Compile("t.idc", []byte("protocol t\n"+abis+large+ring))
		var got []string
		for _, d := range diags.Items() {
			got = append(got, string(d.ID))
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s%s\n%v", abis, diff, diags.Err())
		}
	}
	// Slots whose size is published have one for all.
	const agreed = "struct request { id u32, more u64 on x86_64 }\n"
	p, diags := idl.Compile("t.idc", []byte("protocol t\nabi x86_64\nabi x86_32\n"+agreed+strings.Replace(ring, "id id,", "id id, slot by \"slot-size\",", 1)))
	if diags.Failed() {
		t.Fatal(diags.Err())
	}
	if got, want := p.Rings[0].Stride, (schema.PerABI{16, 16, 16}); got != want {
		t.Errorf("slots have %v bytes, want %v", got, want)
	}
}

// TestNesting holds how deep structs lie within one another, and how many fields they have together, to what can be
// compiled: every level may double the fields.
func TestNesting(t *testing.T) {
	for _, c := range []struct {
		name         string
		first, level string
		levels       int
		want         string
	}{
		{"deep enough", "struct s0 { a u8 }", "struct s# { a s@ }", 63, ""},
		{"too deep", "struct s0 { a u8 }", "struct s# { a s@ }", 64, "`s64` nests 65 structs in one another"},
		{"too deep in arrays", "struct s0 { a u8 }", "struct s# { a s@[1] }", 64, "`s64` nests 65 structs in one another"},
		{"unions too deep", "struct s0 { a u8 }", "union s# { a s@ }", 64, "`s64` nests 65 structs in one another"},
		{"twice each", "struct s0 { }", "struct s# { a s@, b s@ }", 15, ""},
		{"twice each, too often", "struct s0 { }", "struct s# { a s@, b s@ }", 40, "`s16` has 131070 fields with those of its members"},
		{"unions too often", "struct s0 { }", "union s# { a s@, b s@ }", 40, "`s16` has 131070 fields with those of its members"},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := "protocol t\n" + c.first + "\n"
			for i := range c.levels {
				src += strings.NewReplacer("#", fmt.Sprint(i+1), "@", fmt.Sprint(i)).Replace(c.level) + "\n"
			}
			_, diags := idl.Vet("t.idc", []byte(src))
			first := ""
			for _, d := range diags.Items() {
				if d.Severity == diag.Error && first == "" {
					first = d.Message
				}
			}
			if first != c.want {
				t.Errorf("the first complaint is %q, want %q", first, c.want)
			}
		})
	}
}
