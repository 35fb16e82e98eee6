// Package layout says where everything of a protocol is: as data for programs, and as tables that a person can hold
// against a C header.
package layout

import (
	"fmt"

	"github.com/xenidc/idc/idl/schema"
)

// MaxPages is the most pages of a ring for which the number of slots is listed; Linux's backs accept no more.
const MaxPages = 16

// Layout is what `idcgen layout --json` prints. Its fields only ever grow.
type Layout struct {
	Protocol  string     `json:"protocol"`
	Device    string     `json:"device"`
	Backs     []string   `json:"backs"`
	ABIs      []ABI      `json:"abis"`
	Units     []Unit     `json:"units"`
	Constants []Constant `json:"constants"`
	Enums     []Enum     `json:"enums"`
	Bits      []Bits     `json:"bits"`
	Records   []Record   `json:"records"`
	Rings     []Ring     `json:"rings"`
	Keys      []Key      `json:"keys"`
}

// ABI is one that the protocol may be spoken in.
type ABI struct {
	Name    string `json:"name"`
	String  string `json:"string,omitempty"` // of the `protocol` key
	Assumed bool   `json:"assumed,omitempty"`
}

// Unit is a measure.
type Unit struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes,omitempty"`
}

// Constant is a named number.
type Constant struct {
	Name  string `json:"name"`
	Value int64  `json:"value"`
	Unit  string `json:"unit,omitempty"`
}

// Enum is a set of named numbers.
type Enum struct {
	Name     string     `json:"name"`
	Type     string     `json:"type"`
	Open     bool       `json:"open,omitempty"`
	Values   []Constant `json:"values"`
	Reserved []string   `json:"reserved,omitempty"`
}

// Bits is an integer whose bits have names.
type Bits struct {
	Name   string  `json:"name"`
	Type   string  `json:"type"`
	Groups []Group `json:"groups"`
}

// Group is one or several bits.
type Group struct {
	Name  string `json:"name"`
	Shift int    `json:"shift"`
	Width int    `json:"width"`
	Mask  uint64 `json:"mask"`
	Enum  string `json:"enum,omitempty"`
}

// Record is a struct or union on one ABI.
type Record struct {
	Name   string  `json:"name"`
	Kind   string  `json:"kind"` // struct, segment or union
	ABI    string  `json:"abi"`
	Size   int     `json:"size"`
	Align  int     `json:"align"`
	Fields []Field `json:"fields"`
}

// Field is a member that exists on the record's ABI.
type Field struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Unit   string `json:"unit,omitempty"`
	Offset int    `json:"offset"`
	Size   int    `json:"size"`
}

// Ring is a ring on one ABI.
type Ring struct {
	Name      string   `json:"name"`
	ABI       string   `json:"abi"`
	Header    int      `json:"header"`
	Stride    int      `json:"stride"`
	Requests  []string `json:"requests"`
	Responses []string `json:"responses"`
	Slots     []int    `json:"slots"` // of a ring of 1, 2, ... MaxPages pages
}

// Key is an entry of the store.
type Key struct {
	Name     string `json:"name"`
	In       string `json:"in"`
	From     string `json:"from"`
	Type     string `json:"type"`
	Unit     string `json:"unit,omitempty"`
	By       string `json:"by"`
	Absent   string `json:"absent"` // what its absence means
	Bound    string `json:"bound,omitempty"`
	Rule     string `json:"rule,omitempty"`
	Obsolete bool   `json:"obsolete,omitempty"`
	PerQueue bool   `json:"perQueue,omitempty"`
}

// Of computes the layout of a protocol on some ABIs.
func Of(p *schema.Protocol, abis []schema.ABI) *Layout {
	l := &Layout{Protocol: p.Name, Device: p.Device.Front, Backs: p.Device.Backs}
	for _, a := range abis {
		l.ABIs = append(l.ABIs, abiOf(p, a))
	}
	for _, u := range p.Units {
		l.Units = append(l.Units, Unit{u.Name, u.Bytes})
	}
	for _, c := range p.Consts {
		l.Constants = append(l.Constants, Constant{c.Name, c.Value, unitName(c.Unit)})
	}
	for _, e := range p.Enums {
		l.Enums = append(l.Enums, enumOf(e))
	}
	for _, b := range p.Bits {
		l.Bits = append(l.Bits, bitsOf(b))
	}
	for _, a := range abis {
		l.records(p, a)
	}
	for _, k := range p.Keys {
		l.Keys = append(l.Keys, keyOf(k))
	}
	return l
}

func abiOf(p *schema.Protocol, a schema.ABI) ABI {
	out := ABI{Name: a.String()}
	for _, n := range p.Device.Names {
		if n.ABI == a {
			out.String, out.Assumed = n.Name, p.Device.Assumed == a
		}
	}
	return out
}

func unitName(u *schema.Unit) string {
	if u == nil {
		return ""
	}
	return u.Name
}

func enumOf(e *schema.Enum) Enum {
	out := Enum{Name: e.Name, Type: (&schema.Type{Size: e.Size, Signed: e.Signed}).String(), Open: e.Open}
	for _, v := range e.Values {
		out.Values = append(out.Values, Constant{Name: v.Name, Value: v.Value})
	}
	for _, r := range e.Reserved {
		out.Reserved = append(out.Reserved, rangeText(r))
	}
	return out
}

func rangeText(r schema.Reserved) string {
	if r.First == r.Last {
		return fmt.Sprint(r.First)
	}
	return fmt.Sprintf("%d to %d", r.First, r.Last)
}

func bitsOf(b *schema.Bits) Bits {
	out := Bits{Name: b.Name, Type: (&schema.Type{Size: b.Size}).String()}
	for _, g := range b.Groups {
		group := Group{Name: g.Name, Shift: g.Shift, Width: g.Width, Mask: g.Mask()}
		if g.Enum != nil {
			group.Enum = g.Enum.Name
		}
		out.Groups = append(out.Groups, group)
	}
	return out
}

func (l *Layout) records(p *schema.Protocol, a schema.ABI) {
	for _, s := range p.Structs {
		kind := "struct"
		if s.Segment != nil {
			kind = "segment"
		}
		l.Records = append(l.Records, record(s.Name, kind, s.Fields, s.Size, s.Align, a))
	}
	for _, u := range p.Unions {
		l.Records = append(l.Records, record(u.Name, "union", u.Members, u.Size, u.Align, a))
	}
	for _, r := range p.Rings {
		l.Rings = append(l.Rings, ringOf(r, a))
	}
}

func record(name, kind string, fields []*schema.Field, size, align schema.PerABI, a schema.ABI) Record {
	out := Record{Name: name, Kind: kind, ABI: a.String(), Size: size[a], Align: align[a]}
	for _, f := range fields {
		if f.On(a) {
			out.Fields = append(out.Fields, Field{f.Name, f.Type.String(), unitName(f.Type.Unit), f.Offset[a], f.Size[a]})
		}
	}
	return out
}

func ringOf(r *schema.Ring, a schema.ABI) Ring {
	out := Ring{Name: r.Name, ABI: a.String(), Header: schema.RingHeader, Stride: r.Stride[a]}
	for _, s := range r.Requests {
		out.Requests = append(out.Requests, s.Struct.Name)
	}
	for _, s := range r.Responses {
		out.Responses = append(out.Responses, s.Struct.Name)
	}
	for n := 1; n <= MaxPages; n++ {
		out.Slots = append(out.Slots, r.Slots(a, n))
	}
	return out
}
