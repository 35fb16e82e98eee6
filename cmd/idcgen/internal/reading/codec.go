package reading

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// A Value is a uint64 for a number, in two's complement of its size; []byte for bytes, strings, unions and buffers; []Value
// for an array; map[string]Value for a struct, without padding.
type Value any

// codec reads and writes on one ABI. The first mistake in the layout itself panics with a fault.
type codec struct {
	l   *Layout
	abi string
}

type fault struct{ error }

func failf(format string, args ...any) { panic(fault{fmt.Errorf(format, args...)}) }

// catch turns a fault into an error.
func catch(err *error) {
	switch r := recover().(type) {
	case nil:
	case fault:
		*err = r.error
	default:
		panic(r)
	}
}

func (c codec) typ(text string) Type {
	t, err := TypeOf(text)
	if err != nil {
		failf("%w", err)
	}
	return t
}

func (c codec) record(name string) *Record {
	r := c.l.Record(name, c.abi)
	if r == nil {
		failf("there is no record %q on %s", name, c.abi)
	}
	return r
}

// size is that of one element of a type.
func (c codec) size(name string) int {
	if n, ok := c.l.number(name); ok {
		return n.size
	}
	switch name {
	case "bytes", "string":
		return 1
	case "buffer":
		return 16
	}
	return c.record(name).Size
}

func getNumber(b []byte, n number) (v uint64) {
	for i := range n.size {
		at := i
		if !n.big {
			at = n.size - 1 - i
		}
		v = v<<8 | uint64(b[at])
	}
	return v
}

func putNumber(b []byte, n number, v uint64) {
	var all [8]byte
	if n.big {
		binary.BigEndian.PutUint64(all[:], v)
		copy(b[:n.size], all[8-n.size:])
		return
	}
	binary.LittleEndian.PutUint64(all[:], v)
	copy(b[:n.size], all[:n.size])
}

// spot is where a path leads, and to what type; of a group of bits, that of the whole integer. The last field of the path is
// in outer, which begins at base.
type spot struct {
	Place
	typ   string
	outer *Record
	base  int
}

// find follows a path within a record.
func (c codec) find(r *Record, path string) (p spot) {
	p.Path = path
	for parts := strings.Split(path, "."); len(parts) > 0; parts = parts[1:] {
		f := r.field(parts[0])
		if f == nil {
			failf("%s has no field %q on %s", r.Name, parts[0], c.abi)
		}
		p.outer, p.base = r, p.Offset
		p.Offset, p.Size, p.typ = p.Offset+f.Offset, f.Size, f.Type
		if len(parts) == 1 {
			break
		}
		if b := c.l.bits(f.Type); b != nil {
			for _, g := range b.Groups {
				if g.Name == parts[1] {
					p.Shift, p.Width = g.Shift, g.Width
					return p
				}
			}
			failf("%s has no bits %q", b.Name, parts[1])
		}
		r = c.record(f.Type)
	}
	return p
}

func (r *Record) field(name string) *Field {
	for i := range r.Fields {
		if r.Fields[i].Name == name {
			return &r.Fields[i]
		}
	}
	return nil
}

// get reads what a place holds as a number.
func (c codec) get(b []byte, p spot) uint64 {
	n, ok := c.l.number(c.typ(p.typ).Name)
	if !ok {
		failf("%s is %s, not a number", p.Path, p.typ)
	}
	v := getNumber(b[p.Offset:], n)
	if p.Width > 0 {
		v = v >> p.Shift & (1<<p.Width - 1)
	}
	return v
}

func (c codec) put(b []byte, p spot, v uint64) {
	n, ok := c.l.number(c.typ(p.typ).Name)
	if !ok {
		failf("%s is %s, not a number", p.Path, p.typ)
	}
	if p.Width > 0 {
		mask := uint64(1<<p.Width-1) << p.Shift
		v = getNumber(b[p.Offset:], n)&^mask | v<<p.Shift&mask
	}
	putNumber(b[p.Offset:], n, v)
}

// decode reads a value of a type. outer is the record that the field is in, which begins at base: its counts are there.
func (c codec) decode(b []byte, off int, typ string, outer *Record, base int) Value {
	t := c.typ(typ)
	n := t.N
	if t.Count != "" {
		n = int(min(c.get(b[base:], c.find(outer, t.Count)), uint64(t.N)))
	}
	switch {
	case t.Name == "bytes", t.Name == "string":
		out := append([]byte{}, b[off:off+n]...)
		if t.Name == "string" && t.Count == "" {
			out = []byte(strings.TrimRight(string(out), "\x00"))
		}
		return out
	case t.Array:
		list := make([]Value, n)
		for i := range list {
			list[i] = c.one(b, off+i*c.size(t.Name), t.Name)
		}
		return list
	}
	return c.one(b, off, t.Name)
}

func (c codec) one(b []byte, off int, name string) Value {
	if n, ok := c.l.number(name); ok {
		v := getNumber(b[off:], n)
		if name == "bool" && v != 0 {
			v = 1
		}
		return v
	}
	if name == "buffer" {
		return append([]byte{}, b[off:off+16]...)
	}
	r := c.record(name)
	if r.Kind == "union" {
		return append([]byte{}, b[off:off+r.Size]...)
	}
	out := map[string]Value{}
	for _, f := range r.Fields {
		if !f.Pad {
			out[f.Name] = c.decode(b, off+f.Offset, f.Type, r, off)
		}
	}
	return out
}

// encode writes a value; the counts of arrays are written where the record that holds them says.
func (c codec) encode(b []byte, off int, typ string, v Value, outer *Record, base int) {
	t := c.typ(typ)
	n := t.N
	switch v := v.(type) {
	case []byte:
		n = len(v)
	case []Value:
		n = len(v)
	}
	switch {
	case t.Name == "bytes", t.Name == "string":
		clear(b[off : off+t.N])
		copy(b[off:off+t.N], v.([]byte))
	case t.Array:
		size := c.size(t.Name)
		clear(b[off : off+t.N*size])
		for i, e := range v.([]Value) {
			c.put1(b, off+i*size, t.Name, e)
		}
	default:
		c.put1(b, off, t.Name, v)
	}
	if t.Count != "" {
		c.put(b[base:], c.find(outer, t.Count), uint64(n))
	}
}

func (c codec) put1(b []byte, off int, name string, v Value) {
	if n, ok := c.l.number(name); ok {
		putNumber(b[off:], n, v.(uint64))
		return
	}
	if name == "buffer" {
		copy(b[off:off+16], v.([]byte))
		return
	}
	r := c.record(name)
	if r.Kind == "union" {
		clear(b[off : off+r.Size])
		copy(b[off:off+r.Size], v.([]byte))
		return
	}
	c.fields(b, off, r, v.(map[string]Value))
}

// fields writes a struct: first every field, then every count, which may be a part of another field.
func (c codec) fields(b []byte, off int, r *Record, values map[string]Value) {
	for _, pass := range []bool{false, true} {
		for _, f := range r.Fields {
			v, ok := values[f.Name]
			if counts := c.typ(f.Type).Count != ""; ok && !f.Pad && counts == pass {
				c.encode(b, off+f.Offset, f.Type, v, r, off)
			}
		}
	}
}
