package reading

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

// Facts are what a request has of its surroundings.
type Facts struct {
	ID, Device uint64
	Length     map[string]int // of each bulk, in bytes
}

// check compares a place of the JSON with what the structs say about its path.
func (c codec) check(r *Record, p Place) spot {
	s := c.find(r, p.Path)
	if s.Place != p {
		failf("%s is at %+v by its struct, and at %+v by the form", p.Path, s.Place, p)
	}
	return s
}

// set writes a value where a bind says: a number, a group of bits or anything else.
func (c codec) set(b []byte, s spot, v Value) {
	if n, ok := v.(uint64); ok {
		c.put(b, s, n)
		return
	}
	c.encode(b, s.Offset, s.typ, v, s.outer, s.base)
}

// take reads what a bind's place holds.
func (c codec) take(b []byte, s spot) Value {
	if s.Width > 0 {
		return c.get(b, s)
	}
	return c.decode(b, s.Offset, s.typ, s.outer, s.base)
}

// counted tells whether what is written at s brings a count with it.
func (c codec) counted(s spot) bool { return c.typ(s.typ).Count != "" }

// drawn draws what the binds of one kind take, as values that agree with each other: tags with unions, counts with arrays.
func (c codec) drawn(rng *rand.Rand, r *Record, binds []Bind, from string) map[string]Value {
	d := random{c, rng}
	b := make([]byte, r.Size)
	for _, pass := range []bool{false, true} {
		for _, bind := range binds {
			s := c.check(r, bind.Place)
			switch {
			case c.counted(s) != pass:
			case bind.From == "constant":
				c.put(b, s, uint64(bind.Value))
			case bind.From == from && s.Width > 0:
				c.put(b, s, d.group(s))
			case bind.From == from:
				c.set(b, s, d.value(s.typ))
			}
		}
	}
	d.agree(b, r, binds, from)
	out := map[string]Value{}
	for _, bind := range binds {
		if bind.From == from {
			out[bind.Arg] = c.take(b, c.find(r, bind.Path))
		}
	}
	return out
}

// group draws what fits into a group of bits.
func (d random) group(s spot) uint64 {
	b := d.l.bits(d.typ(s.typ).Name)
	return d.flags(b, d.r.Uint64()) >> s.Shift & (1<<s.Width - 1)
}

// agree has the unions of a slot hold what their tags say, where the binds can say either.
func (d random) agree(b []byte, r *Record, binds []Bind, from string) {
	free := map[string]bool{}
	for _, bind := range binds {
		free[bind.Path] = bind.From == from
	}
	for _, f := range r.Fields {
		if f.Tag == "" || !free[f.Name] {
			continue
		}
		u, tag := d.record(d.typ(f.Type).Name), d.find(r, f.Tag)
		m := d.chosen(u, d.get(b, tag), tag)
		if m == nil && free[f.Tag] && len(u.Fields) > 0 {
			m = &u.Fields[d.r.IntN(len(u.Fields))]
			d.put(b, tag, uint64(m.When[0]))
		}
		clear(b[f.Offset : f.Offset+f.Size])
		if m != nil {
			copy(b[f.Offset:], d.member(u, m))
		}
	}
}

// Arguments draws arguments of a call that has this form among others.
func (l *Layout) Arguments(rng *rand.Rand, f *Form) (out map[string]Value, err error) {
	defer catch(&err)
	c := codec{l, f.ABI}
	return c.drawn(rng, c.record(f.Request), append(append([]Bind{}, f.Match...), f.Set...), "argument"), nil
}

// Results draws the results of a call.
func (l *Layout) Results(rng *rand.Rand, f *Form) (out map[string]Value, err error) {
	defer catch(&err)
	c := codec{l, f.ABI}
	return c.drawn(rng, c.record(f.Response), f.Reply, "result"), nil
}

// Request encodes a request, without the segments of bulks and their counts.
func (l *Layout) Request(f *Form, args map[string]Value, facts Facts) (b []byte, err error) {
	defer catch(&err)
	c := codec{l, f.ABI}
	r := c.record(f.Request)
	b = make([]byte, r.Size)
	for _, pass := range []bool{false, true} {
		for _, bind := range append(append([]Bind{}, f.Match...), f.Set...) {
			s := c.check(r, bind.Place)
			if c.counted(s) != pass {
				continue
			}
			switch bind.From {
			case "constant":
				c.put(b, s, uint64(bind.Value))
			case "argument":
				c.set(b, s, args[bind.Arg])
			case "id":
				c.put(b, s, facts.ID)
			case "device":
				c.put(b, s, facts.Device)
			case "length":
				c.put(b, s, uint64(facts.Length[bind.Arg]/c.unit(s)))
			default:
				failf("a request's %s is from %q", bind.Path, bind.From)
			}
		}
	}
	return b, nil
}

// Response encodes a response to a request.
func (l *Layout) Response(f *Form, results map[string]Value, status uint64, request []byte, facts Facts) (b []byte, err error) {
	defer catch(&err)
	c := codec{l, f.ABI}
	r, asked := c.record(f.Response), c.record(f.Request)
	b = make([]byte, r.Size)
	for _, pass := range []bool{false, true} {
		for _, bind := range f.Reply {
			s := c.check(r, bind.Place)
			if c.counted(s) != pass {
				continue
			}
			switch bind.From {
			case "constant":
				c.put(b, s, uint64(bind.Value))
			case "result":
				c.set(b, s, results[bind.Arg])
			case "id":
				c.put(b, s, facts.ID)
			case "status":
				c.put(b, s, status)
			case "request":
				c.put(b, s, c.get(request, c.find(asked, bind.Field)))
			case "device":
				c.put(b, s, facts.Device)
			default:
				failf("a response's %s is from %q", bind.Path, bind.From)
			}
		}
	}
	return b, nil
}

// unit is how many bytes one of what a field counts is.
func (c codec) unit(s spot) int {
	f := s.outer.field(s.Path[len(s.Path)-len(last(s.Path)):])
	if f == nil {
		return 1
	}
	return c.l.UnitBytes(f.Type)
}

func last(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '.' {
			return path[i+1:]
		}
	}
	return path
}

// ID reads the id of a request or response.
func (l *Layout) ID(f *Form, slot []byte) (id uint64, err error) {
	defer catch(&err)
	c := codec{l, f.ABI}
	for _, bind := range f.Set {
		if bind.From == "id" {
			return c.get(slot, c.find(c.record(f.Request), bind.Path)), nil
		}
	}
	return 0, fmt.Errorf("form %s has no id", f.Name)
}

// Is tells whether a request has the form's constants.
func (l *Layout) Is(f *Form, slot []byte) (yes bool, err error) {
	defer catch(&err)
	c := codec{l, f.ABI}
	for _, bind := range f.Match {
		s := c.find(c.record(f.Request), bind.Path)
		n, _ := l.number(c.typ(s.typ).Name)
		if w := 64 - 8*n.size; s.Width == 0 && c.get(slot, s)<<w != uint64(bind.Value)<<w || s.Width > 0 && c.get(slot, s) != uint64(bind.Value) {
			return false, nil
		}
	}
	return true, nil
}

// Differ says where two encodings of a struct differ, or nothing.
func Differ(got, want []byte) string {
	if bytes.Equal(got, want) {
		return ""
	}
	n := 0
	for n < len(got) && n < len(want) && got[n] == want[n] {
		n++
	}
	from := max(0, n-8)
	return fmt.Sprintf("first at %d; from %d on\n  got  %x\n  want %x", n, from, part(got, from), part(want, from))
}

func part(b []byte, from int) []byte { return b[min(from, len(b)):min(from+40, len(b))] }

// Any draws a value of a struct, and its encoding.
func (l *Layout) Any(rng *rand.Rand, name, abi string) (v Value, b []byte, err error) {
	defer catch(&err)
	c := codec{l, abi}
	v = random{c, rng}.one(name)
	b = make([]byte, c.record(name).Size)
	c.put1(b, 0, name, v)
	return v, b, nil
}

// Number is how a type is on the wire that is a number; ok is false of everything else.
func (l *Layout) Number(name string) (size int, signed, ok bool) {
	n, ok := l.number(name)
	return n.size, n.signed, ok
}
