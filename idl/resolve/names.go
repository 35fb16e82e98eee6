package resolve

import (
	"maps"
	"slices"
	"strings"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// symbol is what a top-level name means. One of the pointers is set.
type symbol struct {
	at   diag.Span
	kind string // as the language calls it
	decl *syntax.Decl
	busy bool // a constant being computed
	bad  bool // a constant whose value isn't known; that has been said

	constant *schema.Const
	unit     *schema.Unit
	enum     *schema.Enum
	bits     *schema.Bits
	strct    *schema.Struct
	union    *schema.Union
}

// builtins are the names of the language's own types. A declaration may not take one.
var builtins = map[string]schema.Type{
	"bool": {Kind: schema.Bool, Size: 1}, "gref": {Kind: schema.Gref, Size: 4}, "port": {Kind: schema.Port, Size: 4},
	"domid": {Kind: schema.Domid, Size: 2}, "buffer": {Kind: schema.Buffer, Size: schema.BufferSize},
	"bytes": {Kind: schema.Bytes, Size: 1}, "string": {Kind: schema.String, Size: 1},
	"u8": {Size: 1}, "u16": {Size: 2}, "u32": {Size: 4}, "u64": {Size: 8},
	"i8": {Size: 1, Signed: true}, "i16": {Size: 2, Signed: true}, "i32": {Size: 4, Signed: true},
	"i64":   {Size: 8, Signed: true},
	"u16be": {Size: 2, BigEndian: true}, "u32be": {Size: 4, BigEndian: true}, "u64be": {Size: 8, BigEndian: true},
	"i16be": {Size: 2, BigEndian: true, Signed: true}, "i32be": {Size: 4, BigEndian: true, Signed: true},
	"i64be": {Size: 8, BigEndian: true, Signed: true},
}

// names enters every top-level type and constant, still empty.
func (r *resolver) names() {
	r.symbols["bytes"] = &symbol{kind: "unit", unit: &schema.Unit{Name: "bytes", Bytes: 1}}
	for _, d := range r.file.Decls {
		doc := syntax.DocText(d.Doc)
		switch {
		case d.Const != nil:
			s := &schema.Const{Name: d.Const.Name.Text, Doc: doc, Pos: d.Const.Name.Span()}
			r.mods(d, "const")
			if r.declare(d.Const.Name, &symbol{kind: "constant", decl: d, constant: s}) {
				r.p.Consts = append(r.p.Consts, s)
			}
		case d.Unit != nil:
			s := &schema.Unit{Name: d.Unit.Name.Text, Doc: doc, Pos: d.Unit.Name.Span()}
			r.mods(d, "unit")
			if r.declare(d.Unit.Name, &symbol{kind: "unit", decl: d, unit: s}) {
				r.p.Units = append(r.p.Units, s)
			}
		case d.Enum != nil:
			m := r.mods(d, "enum", "frozen", "open", "status")
			s := &schema.Enum{Name: d.Enum.Name.Text, Doc: doc, Pos: d.Enum.Name.Span(), Open: m["open"],
				Frozen: m["frozen"], Status: m["status"]}
			if r.declare(d.Enum.Name, &symbol{kind: "enum", decl: d, enum: s}) {
				r.p.Enums = append(r.p.Enums, s)
			}
		case d.Bits != nil:
			m := r.mods(d, "bits", "frozen", "open")
			s := &schema.Bits{Name: d.Bits.Name.Text, Doc: doc, Pos: d.Bits.Name.Span(), Open: m["open"], Frozen: m["frozen"]}
			if r.declare(d.Bits.Name, &symbol{kind: "bits", decl: d, bits: s}) {
				r.p.Bits = append(r.p.Bits, s)
			}
		case d.Struct != nil:
			m := r.mods(d, d.Struct.Kind, "frozen")
			s := &schema.Struct{Name: d.Struct.Name.Text, Doc: doc, Pos: d.Struct.Name.Span(), Frozen: m["frozen"]}
			if r.declare(d.Struct.Name, &symbol{kind: "struct", decl: d, strct: s}) {
				r.p.Structs = append(r.p.Structs, s)
			}
		case d.Union != nil:
			r.mods(d, "union")
			s := &schema.Union{Name: d.Union.Name.Text, Doc: doc, Pos: d.Union.Name.Span()}
			if r.declare(d.Union.Name, &symbol{kind: "union", decl: d, union: s}) {
				r.p.Unions = append(r.p.Unions, s)
			}
		}
	}
}

// declare enters a name, unless it is taken.
func (r *resolver) declare(n *syntax.Name, s *symbol) bool {
	s.at = n.Span()
	if _, taken := builtins[n.Text]; taken {
		r.diags.Add(diag.DuplicateName, s.at, "`%s` is a type of the language", n.Text).
			Because("its own types can't be replaced").Try("choose another name")
		return false
	}
	if prev, taken := r.symbols[n.Text]; taken {
		r.duplicate(n, prev.at)
		return false
	}
	r.symbols[n.Text] = s
	return true
}

func (r *resolver) duplicate(n *syntax.Name, prev diag.Span) {
	d := r.diags.Add(diag.DuplicateName, n.Span(), "`%s` is declared twice", n.Text).
		Because("a name means one thing").Try("rename or remove one of them")
	if prev.File != "" {
		d.Note(prev, "declared here first")
	}
}

// mods checks a declaration's modifiers against those that make sense, and returns them.
func (r *resolver) mods(d *syntax.Decl, kind string, allowed ...string) map[string]bool {
	if len(d.Mods) == 0 {
		return nil
	}
	got := map[string]bool{}
	for _, m := range d.Mods {
		switch {
		case !slices.Contains(allowed, m.Text):
			e := r.diags.Add(diag.BadModifier, m.Span(), "a %s can't be `%s`", kind, m.Text).Try("remove `%s`", m.Text)
			if len(allowed) > 0 {
				e.Because("a %s may only be `%s`", kind, strings.Join(allowed, "` or `"))
			} else {
				e.Because("a %s has no modifiers", kind)
			}
		case got[m.Text]:
			r.diags.Add(diag.BadModifier, m.Span(), "`%s` twice", m.Text).Because("once is enough").Try("remove one")
		}
		got[m.Text] = true
	}
	return got
}

// unknown complains about a name that means nothing, and offers the nearest that does.
func (r *resolver) unknown(n *syntax.Name, kind string, known func() []string) {
	r.unknownAt(n.Span(), n.Text, kind, known)
}

// unknownAt is unknown for what isn't a name. known lists what could stand there, if that can be listed; kind says what it is.
func (r *resolver) unknownAt(at diag.Span, text, kind string, known func() []string) {
	if r.excused(text, kind) {
		return
	}
	d := r.diags.Add(diag.UnknownName, at, "there is no %s `%s`", kind, text)
	if r.diags.Full() {
		return // nobody will see what is nearest
	}
	var list []string
	if known != nil {
		list = known()
	}
	r.offer(d, text, kind, list)
}

// offer says what could have been meant by a name that means nothing.
func (r *resolver) offer(d *diag.Diagnostic, text, kind string, list []string) {
	meant, why := foreign(text)
	near, declare := nearest(text, list), declarable(kind)
	switch {
	case kind == "type" && why != "":
		d.Because("%s", why).Try("write `%s`", meant)
	case near != "" && declare:
		d.Because("nothing of that name is declared").Try("write `%s`, or declare `%s`", near, text)
	case near != "":
		d.Because("nothing here has that name").Try("write `%s`", near)
	case len(list) > 0 && len(list) <= 12:
		d.Because("what could stand here is `%s`", strings.Join(list, "`, `")).Try("write one of these")
	case declare:
		d.Because("nothing of that name is declared").Try("declare it, or correct the name")
	default:
		d.Because("nothing here has that name").Try("correct the name")
	}
}

// declarable tells whether a protocol file can declare a thing of some kind.
func declarable(kind string) bool {
	switch kind {
	case "type", "constant", "unit", "enum", "struct", "segment", "ring", "key", "key of the front", "key of the back":
		return true
	}
	return false
}

// oneOf is a list of what could stand somewhere that is always the same.
func oneOf(names ...string) func() []string { return func() []string { return names } }

// excused tells whether the name may be missing only because its declaration couldn't be parsed.
func (r *resolver) excused(text, kind string) bool {
	if _, broken := r.file.Broken[text]; broken {
		return true
	}
	return strings.HasPrefix(kind, "key") && slices.Contains(slices.Collect(maps.Values(r.file.Broken)), "keys")
}

// nearest finds the known name that a slip of the finger may have meant.
func nearest(text string, known []string) (best string) {
	limit := 1 + len(text)/4
	for _, k := range known {
		if d := distance(text, k, limit); d < limit || d == limit && best == "" {
			best, limit = k, d
		}
	}
	return best
}

// distance counts the letters to change, add or drop between a and b; more than limit is reported as limit+1.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit || len(a) > 100 {
		return limit + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// find looks a top-level name up. kind and known are for the complaint.
func (r *resolver) find(n *syntax.Name, kind string, ok func(*symbol) bool) *symbol {
	s := r.symbols[n.Text]
	if s == nil {
		r.unknown(n, kind, func() []string {
			names := r.known(ok)
			if kind == "type" {
				names = append(names, slices.Sorted(maps.Keys(builtins))...)
			}
			return names
		})
		return nil
	}
	if !ok(s) {
		d := r.diags.Add(diag.WrongKind, n.Span(), "`%s` is a %s, not a %s", n.Text, s.kind, kind).
			Because("a %s has to stand here", kind).Try("name a %s", kind)
		if s.at.File != "" {
			d.Note(s.at, "declared here")
		}
		return nil
	}
	return s
}

// known lists the names of a kind, sorted, for suggestions; not those that the compiler made.
func (r *resolver) known(ok func(*symbol) bool) (names []string) {
	for name, s := range r.symbols {
		if made := s.at.File == "" && s.unit == nil; ok(s) && !made {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
