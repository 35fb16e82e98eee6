package randproto

import (
	"fmt"
	"strings"
)

// record is a struct or segment.
type record struct {
	name   string
	fields []*field
}

// field is a member, as far as others need to know it.
type field struct {
	name   string
	typ    string // as it is written
	kind   kind
	size   int // of a number
	signed bool
	unit   *unit
	enum   *enum
	bits   *bitset
	inner  *record
	count  string // of a counted array: the path of its count, if it was written
	counts bool   // it is the count of another
}

type kind int

const (
	number kind = iota
	flag
	enumerated
	bitmap
	nested
	joined // a union
	raw    // bytes, a string, an array
	counted
	token // a grant reference, a port, a domain
	buffer
)

type union struct {
	name    string
	tagged  *enum // whose values choose the member
	members []string
}

// scalar draws the type of a number.
func (d *drawer) scalar() *field {
	switch d.r.IntN(10) {
	case 0:
		return &field{typ: "bool", kind: flag, size: 1}
	case 1, 2:
		if len(d.enums) > 0 {
			e := pick(d, d.enums)
			return &field{typ: e.name, kind: enumerated, enum: e, size: e.size, signed: e.signed}
		}
	case 3, 4:
		if len(d.bits) > 0 {
			b := pick(d, d.bits)
			return &field{typ: b.name, kind: bitmap, bits: b, size: b.size}
		}
	case 5:
		return &field{typ: pick(d, []string{"gref", "port", "domid"}), kind: token, size: 4}
	}
	f := &field{size: pick(d, sizes), signed: d.one(4)}
	f.typ = intName(f.size, f.signed)
	if f.size > 1 && d.one(6) {
		f.typ += "be"
	}
	if len(d.units) > 0 && d.one(4) {
		u := pick(d, d.units)
		f.typ, f.unit = f.typ+" in "+u.name, &u
	}
	return f
}

// fixed draws a type of a fixed length.
func (d *drawer) fixed() *field {
	switch d.r.IntN(12) {
	case 0:
		return &field{typ: fmt.Sprintf("bytes[%d]", d.within(1, 20)), kind: raw}
	case 1:
		return &field{typ: fmt.Sprintf("string[%d]", d.within(1, 20)), kind: raw}
	case 2:
		s := d.scalar()
		if name, u, ok := strings.Cut(s.typ, " in "); ok {
			return &field{typ: fmt.Sprintf("%s[%d] in %s", name, d.within(1, 5), u), kind: raw}
		}
		return &field{typ: fmt.Sprintf("%s[%d]", s.typ, d.within(1, 5)), kind: raw}
	case 3:
		if len(d.structs) > 0 {
			return &field{typ: fmt.Sprintf("%s[%d]", pick(d, d.structs).name, d.within(1, 4)), kind: raw}
		}
	case 4, 5:
		if len(d.structs) > 0 {
			s := pick(d, d.structs)
			return &field{typ: s.name, kind: nested, inner: s}
		}
	case 6:
		if len(d.unions) > 0 {
			if u := pick(d, d.unions); u.tagged == nil {
				return &field{typ: u.name + maybe(d.one(4), fmt.Sprintf("[%d]", d.within(1, 3))), kind: joined}
			}
		}
	case 7:
		return &field{typ: "buffer", kind: buffer}
	}
	return d.scalar()
}

// counted draws a type whose length varies; count is how the number of elements is named.
func (d *drawer) counted(count string) *field {
	elem := pick(d, []string{"bytes", "bytes", "string", "u8", "u16", "u32", "i64", "u16be", "bool", "domid"})
	if len(d.structs) > 0 && d.one(3) {
		elem = pick(d, d.structs).name
	}
	if len(d.enums) > 0 && d.one(6) {
		elem = pick(d, d.enums).name
	}
	return &field{typ: fmt.Sprintf("%s%s up to %d", elem, count, d.within(1, 12)), kind: counted}
}

// members draws some fields. Those that count others stand before them, or in a struct or group of bits of their own.
func (d *drawer) members(n int, taken map[string]bool) (list []*field) {
	last := "x"
	add := func(f *field) *field {
		f.name = d.alike(taken, last)
		last = f.name
		list = append(list, f)
		return f
	}
	for len(list) < n {
		switch d.r.IntN(9) {
		case 0:
			if d.one(2) {
				add(d.counted("")) // the compiler counts
				break
			}
			c := add(&field{typ: pick(d, []string{"u8", "u16", "u32", "u64"}), kind: number, size: 4, counts: true})
			add(d.counted("[" + c.name + "]")).count = c.name
		case 1:
			if path := d.countPath(list); path != "" {
				add(d.counted("[" + path + "]")).count = path
			}
		case 2:
			d.taggedUnion(add)
		default:
			add(d.fixed())
		}
	}
	return list
}

// countPath finds a number within a struct or a group of bits that can count.
func (d *drawer) countPath(list []*field) string {
	for _, f := range list {
		switch {
		case f.kind == nested && f.inner != nil:
			for _, g := range f.inner.fields {
				if g.kind == number && !g.signed && !strings.Contains(g.typ, "be") {
					return f.name + "." + g.name
				}
			}
		case f.kind == bitmap:
			for _, g := range f.bits.groups {
				if g.width >= 4 && g.enum == nil {
					return f.name + "." + g.name
				}
			}
		}
	}
	return ""
}

func (d *drawer) taggedUnion(add func(*field) *field) {
	for _, u := range d.unions {
		if u.tagged != nil {
			tag := add(&field{typ: u.tagged.name, kind: enumerated, enum: u.tagged, size: u.tagged.size, signed: u.tagged.signed})
			add(&field{typ: u.name + " by " + tag.name, kind: joined})
			return
		}
	}
}

// line writes a field with what may follow its type.
func (d *drawer) line(f *field) string {
	l := f.name + " " + f.typ
	if d.abis && d.one(15) {
		l += " on " + pick(d, []string{"x86_64", "x86_32", "arm", "x86_64 and arm"})
	}
	if f.kind == number && !f.counts && !f.signed && d.one(12) {
		l += fmt.Sprintf(" = %d", d.within(0, 200))
	}
	return l
}

// lines writes fields, with padding in between where it helps to make the ABIs agree.
func (d *drawer) lines(list []*field) (lines []string) {
	for _, f := range list {
		if d.one(12) {
			lines = append(lines, fmt.Sprintf("pad u8[%d]", d.within(1, 7)))
		}
		if f.size == 8 && !d.abis && !d.one(5) {
			lines = append(lines, "pad u64")
		}
		lines = append(lines, d.line(f))
	}
	return lines
}

func (d *drawer) record() {
	s := &record{name: d.name()}
	if d.one(25) && !d.plain {
		d.block("struct "+s.name, nil)
		d.structs = append(d.structs, s)
		return
	}
	s.fields = d.members(d.within(1, 4), map[string]bool{})
	d.doc()
	d.block("struct "+s.name, d.lines(s.fields))
	d.structs = append(d.structs, s)
}

func (d *drawer) union() {
	u := &union{name: d.name()}
	local := map[string]bool{}
	n := d.within(1, 4)
	if len(d.enums) > 0 && d.one(2) {
		if e := pick(d, d.enums); len(e.values) > 1 {
			u.tagged, n = e, min(n, len(e.values))
		}
	}
	var lines []string
	for i := range n {
		name := d.local(local)
		f := d.fixed()
		l := name + " " + f.typ
		if u.tagged != nil {
			l += " when " + u.tagged.values[i]
			if i == n-1 && len(u.tagged.values) > n && d.one(3) {
				l += " or " + u.tagged.values[n]
			}
		}
		lines, u.members = append(lines, l), append(u.members, name)
	}
	d.block("union "+u.name, lines)
	d.unions = append(d.unions, u)
}
