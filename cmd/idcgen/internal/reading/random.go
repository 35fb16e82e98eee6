package reading

import "math/rand/v2"

// random draws values that are legal: those that a peer would have to accept.
type random struct {
	codec
	r *rand.Rand
}

// value draws a value of a type. A tagged union by itself holds any of its members.
func (d random) value(typ string) Value {
	t := d.typ(typ)
	n := t.N
	if t.Count != "" {
		n = d.r.IntN(t.N + 1)
	}
	switch {
	case t.Name == "string":
		out := make([]byte, n)
		for i := range out {
			out[i] = "abcdefghijklmnopqrstuvwxyz0123456789 .-"[d.r.IntN(39)]
		}
		return out
	case t.Name == "bytes":
		return d.bytes(n)
	case t.Array:
		list := make([]Value, n)
		for i := range list {
			list[i] = d.one(t.Name)
		}
		return list
	}
	return d.one(t.Name)
}

func (d random) bytes(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(d.r.IntN(256))
	}
	return out
}

func (d random) one(name string) Value {
	if _, ok := d.l.number(name); ok {
		return d.number(name)
	}
	if name == "buffer" {
		return d.bytes(16)
	}
	r := d.record(name)
	if r.Kind == "union" {
		return d.member(r, nil)
	}
	values := map[string]Value{}
	for _, f := range r.Fields {
		if !f.Pad {
			values[f.Name] = d.value(f.Type)
		}
	}
	b := make([]byte, r.Size)
	d.fields(b, 0, r, values)
	d.tags(b, r)
	return d.codec.one(b, 0, name)
}

// tags gives every tagged union of a struct the member that its tag says, or the other way round.
func (d random) tags(b []byte, r *Record) {
	for _, f := range r.Fields {
		if f.Tag == "" {
			continue
		}
		u := d.record(d.typ(f.Type).Name)
		tag := d.find(r, f.Tag)
		m := d.chosen(u, d.get(b, tag), tag)
		if m == nil && len(u.Fields) > 0 {
			m = &u.Fields[d.r.IntN(len(u.Fields))]
			d.put(b, tag, uint64(m.When[0]))
		}
		copy(b[f.Offset:], d.member(u, m))
	}
}

// chosen is the member that a tag stands for, or nil.
func (d random) chosen(u *Record, tag uint64, at spot) *Field {
	n, _ := d.l.number(d.typ(at.typ).Name)
	for i := range u.Fields {
		for _, w := range u.Fields[i].When {
			if uint64(w)<<(64-8*n.size) == tag<<(64-8*n.size) {
				return &u.Fields[i]
			}
		}
	}
	return nil
}

// member draws the bytes of a union that holds m, or any member.
func (d random) member(u *Record, m *Field) []byte {
	b := make([]byte, u.Size)
	if m == nil && len(u.Fields) > 0 {
		m = &u.Fields[d.r.IntN(len(u.Fields))]
	}
	if m != nil {
		d.encode(b, m.Offset, m.Type, d.value(m.Type), u, 0)
	}
	return b
}

func (d random) number(name string) uint64 {
	if name == "bool" {
		return uint64(d.r.IntN(2))
	}
	n, _ := d.l.number(name)
	v := d.r.Uint64() >> d.r.IntN(64)
	if e := d.l.Enum(name); e != nil {
		return d.named(e, v) << (64 - 8*n.size) >> (64 - 8*n.size)
	}
	if b := d.l.bits(name); b != nil {
		return d.flags(b, v)
	}
	if n.signed && d.r.IntN(2) == 0 {
		v = -v
	}
	return v << (64 - 8*n.size) >> (64 - 8*n.size)
}

func (d random) named(e *Enum, v uint64) uint64 {
	if len(e.Values) == 0 || e.Open && d.r.IntN(4) == 0 {
		return v
	}
	return uint64(e.Values[d.r.IntN(len(e.Values))].Value)
}

func (d random) flags(b *Bits, v uint64) (out uint64) {
	for _, g := range b.Groups {
		x := v & uint64(g.Mask)
		if e := d.l.Enum(g.Enum); e != nil {
			x = d.named(e, v) << g.Shift & uint64(g.Mask)
		}
		out |= x
	}
	if b.Open && d.r.IntN(2) == 0 {
		n := numbers[b.Type]
		var mask uint64
		for _, g := range b.Groups {
			mask |= uint64(g.Mask)
		}
		out |= d.r.Uint64() &^ mask << (64 - 8*n.size) >> (64 - 8*n.size)
	}
	return out
}
