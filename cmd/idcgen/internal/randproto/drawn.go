package randproto

import (
	"fmt"
	"strings"
)

// ring is what a drawn protocol's transactions need to know of their ring.
type ring struct {
	name, status string
	tag          string   // path of the tag
	ops          []string // values of the tag that aren't taken yet
	head         []*field // of every request
	requests     []*slot
	response     *record
	results      []path
}

// slot is a struct of requests.
type slot struct {
	*record
	array string // that carries a bulk; "" if there is none
	most  int
	more  string // counts the segments of a second bulk
}

// path leads to something that an argument or constant can be given to.
type path struct {
	text  string
	field *field
	group *group
}

// last is the name that an argument of that path has.
func (p path) last() string { return p.text[strings.LastIndexByte(p.text, '.')+1:] }

// drawn draws a protocol with structs, rings and forms of its own.
func (d *drawer) drawn() {
	d.drawing = true
	if !d.one(4) {
		d.segment()
	}
	r := &ring{status: d.status(), name: "requests"}
	if d.one(4) {
		r.name = d.name()
	}
	d.head(r)
	fields := d.members(d.within(0, 6), d.names(r.head))
	r.requests = append(r.requests, d.request(r, d.top("request"), fields, false))
	if d.one(3) {
		if d.one(2) {
			fields = d.members(d.within(0, 4), d.names(r.head))
		}
		r.requests = append(r.requests, d.request(r, d.top("request_large"), fields, true))
	}
	d.responses(r)
	d.ring(r)
	d.extraKeys()
	calls := map[string]bool{}
	last := "x"
	for range d.within(1, 3) {
		name := d.alike(calls, last)
		last = name
		d.transaction(r, name)
	}
}

// top takes a top-level name, if nothing has it.
func (d *drawer) top(name string) string {
	if d.taken[name] {
		return d.name()
	}
	d.taken[name] = true
	return name
}

func (d *drawer) names(list []*field) map[string]bool {
	taken := map[string]bool{}
	for _, f := range list {
		taken[f.name] = true
	}
	return taken
}

// segment draws the struct that carries bulks.
func (d *drawer) segment() {
	s := &record{name: d.top("piece")}
	unit := "bytes"
	d.grain = 1
	if len(d.units) > 0 && d.one(3) {
		if u := pick(d, d.units); u.bytes > 0 && 4096%u.bytes == 0 && u.bytes < 4096 {
			unit, d.grain = u.name, u.bytes
		}
	}
	lines := []string{"gref gref"}
	if d.one(3) {
		lines = []string{fmt.Sprintf("first u16 in %s", unit), fmt.Sprintf("last u16 in %s", unit), "gref gref", "covers first to last"}
	} else {
		lines = append(lines, fmt.Sprintf("offset u16 in %s", unit), fmt.Sprintf("length u16 in %s", unit), "covers length from offset")
	}
	if d.one(6) {
		lines = append(lines, "extra u32")
	}
	d.block("segment "+s.name, lines)
	d.piece = s
}

// head draws what all requests begin with: the tag and the id, perhaps within a struct or a group of bits.
func (d *drawer) head(r *ring) {
	ops := d.top("operation")
	var lines []string
	local := map[string]bool{}
	for i := range 8 {
		v := d.local(local)
		r.ops, lines = append(r.ops, v), append(lines, fmt.Sprintf("%s = %d", v, i+d.within(0, 1)*8))
	}
	d.block(maybe(d.one(2), "open ")+fmt.Sprintf("enum %s %s", ops, pick(d, []string{"u8", "u16", "u32", "i16"})), lines)
	op := &field{name: "operation", typ: ops, kind: enumerated}
	id := &field{name: "id", typ: pick(d, []string{"u16", "u32", "u32", "u64"}), kind: token}
	r.tag, r.head = "operation", []*field{op, id}
	switch d.r.IntN(8) {
	case 0: // within a struct
		h := &record{name: d.top("header"), fields: []*field{id, op}}
		d.block("struct "+h.name, []string{id.name + " " + id.typ, op.name + " " + op.typ, "pad u32"})
		r.head, r.tag = []*field{{name: "hdr", typ: h.name, kind: token, inner: h}}, "hdr.operation"
	case 1: // within an integer
		b := d.top("control")
		d.block("bits "+b+" u32", []string{"urgent = bit 0", "operation = bits 4 to 9", "rest = bits 16 to 31"})
		r.head, r.tag = []*field{{name: "control", typ: b, kind: token}, id}, "control.operation"
		for i := range r.ops {
			r.ops[i] = fmt.Sprint(i)
		}
	case 2, 3:
		r.head = []*field{id, op}
	}
}

func (r *ring) id() string {
	if strings.HasPrefix(r.tag, "hdr.") {
		return "hdr.id"
	}
	return "id"
}

// request draws one struct of requests. larger is true of one whose segments may be in pages of their own.
func (d *drawer) request(r *ring, name string, fields []*field, larger bool) *slot {
	s := &slot{record: &record{name: name, fields: fields}}
	lines := append(d.headLines(r.head), d.lines(fields)...)
	if d.piece != nil && !d.one(4) {
		taken := d.names(append(fields, r.head...))
		count := d.local(taken)
		s.array, s.most = d.local(taken), d.within(1, 11)
		typ := "u16"
		if d.one(2) {
			s.more = d.local(taken)
			lines = append(lines, s.more+" u16")
		}
		if larger && d.one(2) {
			lines = append(lines, count+" "+typ, fmt.Sprintf("%s gref[%d] to pages of %s[%s]%s", s.array, d.within(1, 4), d.piece.name, count, maybe(d.one(3), fmt.Sprintf(" up to %d", d.within(1, 600)))))
		} else {
			lines = append(lines, count+" "+typ, fmt.Sprintf("%s %s[%s] up to %d", s.array, d.piece.name, count, s.most))
		}
	}
	d.doc()
	d.block("struct "+name, lines)
	return s
}

func (d *drawer) headLines(list []*field) (lines []string) {
	for _, f := range list {
		lines = append(lines, f.name+" "+f.typ)
	}
	return lines
}

func (d *drawer) responses(r *ring) {
	head := r.head
	if r.tag != "hdr.operation" {
		head = nil
		for _, f := range r.head {
			if f.name == "id" {
				head = append(head, f)
			}
		}
	}
	fields := d.members(d.within(0, 3), map[string]bool{"id": true, "status": true, "operation": true, "hdr": true})
	lines := d.headLines(head)
	if r.tag == "operation" && d.one(3) {
		lines = append(lines, r.head[0].name+" "+r.head[0].typ+" = request."+r.head[0].name)
		if r.head[0].name == "id" {
			lines[len(lines)-1] = r.head[1].name + " " + r.head[1].typ + " = request.operation"
		}
	}
	rest := append(d.lines(fields), "status "+r.status)
	d.r.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	r.response = &record{name: d.top("response"), fields: fields}
	d.block("struct "+r.response.name, append(lines, rest...))
	r.results = d.paths(r.response.fields, "")
}

func (d *drawer) ring(r *ring) {
	var names []string
	for _, s := range r.requests {
		names = append(names, s.name)
	}
	lines := []string{"request  " + strings.Join(names, " or "), "response " + r.response.name}
	if len(names) > 1 || !d.one(6) {
		lines = append(lines, "tag      "+r.tag)
	} else {
		r.tag = ""
	}
	lines = append(lines, "id       "+r.id())
	front := []string{`"ring-ref" gref`, `"event-channel" port`}
	switch d.r.IntN(4) {
	case 0:
		lines = append(lines, `pages "ring-ref" or "ring-ref%u" order "ring-page-order" up to "max-ring-page-order"`)
		front = []string{`"ring-ref" gref optional`, `"ring-ref%u" gref optional`, `"ring-page-order" u32 default 0 up to "max-ring-page-order"`, `"event-channel" port`}
		d.block("keys from back by init_wait", []string{`"max-ring-page-order" u32 default 0`})
	default:
		lines = append(lines, `pages "ring-ref"`)
	}
	lines = append(lines, `channel "event-channel"`)
	switch {
	case d.one(8):
		lines = append(lines, `slot by "slot-size"`)
	case d.one(6):
		lines = append(lines, fmt.Sprintf("slot %d", pick(d, []int{128, 256, 512, 1024, 1024, 2048, 100})))
	}
	d.block("ring "+r.name, lines)
	d.block("keys from front by initialised", front)
}

// paths lists what an argument or constant can be given to.
func (d *drawer) paths(list []*field, prefix string) (out []path) {
	for _, f := range list {
		if f.counts && !d.one(20) {
			continue
		}
		p := path{text: prefix + f.name, field: f}
		out = append(out, p)
		if f.kind == nested {
			out = append(out, d.paths(f.inner.fields, p.text+".")...)
		}
		if f.kind == bitmap {
			for i := range f.bits.groups {
				g := &f.bits.groups[i]
				out = append(out, path{text: p.text + "." + g.name, field: f, group: g})
			}
		}
	}
	return out
}

// some picks paths of which none leads into another, and whose last names differ.
func (d *drawer) some(list []path, n int, used map[string]bool) (out []path) {
	for range 3 * n {
		if len(list) == 0 || len(out) == n {
			break
		}
		p := pick(d, list)
		clash := used[p.last()] && !d.one(30)
		for _, q := range out {
			clash = clash || strings.HasPrefix(p.text+".", q.text+".") || strings.HasPrefix(q.text+".", p.text+".")
		}
		if !clash {
			used[p.last()] = true
			out = append(out, p)
		}
	}
	return out
}
