// Package layout says where everything of a protocol is: as data for programs, and as tables that a person can hold
// against a C header.
package layout

import (
	"encoding/json"
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
	Calls     []Call     `json:"calls"`
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
	Name  string        `json:"name"`
	Value schema.Number `json:"value"`
	Unit  string        `json:"unit,omitempty"`
	Means []string      `json:"means,omitempty"` // of a status: success, failure, malformed, unsupported
}

// Enum is a set of named numbers.
type Enum struct {
	Name     string     `json:"name"`
	Type     string     `json:"type"`
	Open     bool       `json:"open,omitempty"`
	Status   bool       `json:"status,omitempty"` // carries the outcome of transactions
	Values   []Constant `json:"values"`
	Reserved []string   `json:"reserved,omitempty"`
}

// Bits is an integer whose bits have names.
type Bits struct {
	Name   string  `json:"name"`
	Type   string  `json:"type"`
	Open   bool    `json:"open,omitempty"` // bits without a name may be set
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
	Covers Covers  `json:"covers,omitzero"` // of a segment
	Fields []Field `json:"fields"`
}

// Field is a member that exists on the record's ABI.
type Field struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Unit   string `json:"unit,omitempty"`
	Offset int    `json:"offset"`
	Size   int    `json:"size"`
	Pad    bool   `json:"pad,omitempty"` // always zero
	// Placed says that the file gives the offset, so that C's rules alone needn't lead to it.
	Placed bool          `json:"placed,omitempty"`
	Tag    string        `json:"tag,omitempty"`  // of a tagged union: the field that says which member is there
	When   []json.Number `json:"when,omitempty"` // of a member of a tagged union: the values of the tag that mean it
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
	ID        Place    `json:"id"`    // of the first request; it doesn't move
	Tags      []Place  `json:"tags"`  // of the first request
	// Keys are the names of those that lead to the ring, by their part: ref, refs, order, max-order, queues, max-queues,
	// channel, persistent, slot-size; and under, the directory of a queue.
	Keys map[string]string `json:"keys"`
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
	Made     bool   `json:"made,omitempty"` // by the compiler; the file doesn't name it
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
		l.Constants = append(l.Constants, Constant{Name: c.Name, Value: c.Value, Unit: unitName(c.Unit)})
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
	l.calls(p, abis)
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
	out := Enum{Name: e.Name, Type: (&schema.Type{Size: e.Size, Signed: e.Signed}).String(), Open: e.Open,
		Status: e.Status}
	for _, v := range e.Values {
		c := Constant{Name: v.Name, Value: v.Value}
		for _, role := range v.Roles {
			c.Means = append(c.Means, string(role))
		}
		out.Values = append(out.Values, c)
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
	out := Bits{Name: b.Name, Type: (&schema.Type{Size: b.Size}).String(), Open: b.Open}
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
		r := record(s.Name, kind, s.Fields, s.Size, s.Align, a)
		r.Covers = coversOf(s.Segment)
		l.Records = append(l.Records, r)
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
			out.Fields = append(out.Fields, fieldOf(f, a))
		}
	}
	return out
}

func fieldOf(f *schema.Field, a schema.ABI) Field {
	out := Field{Name: f.Name, Type: f.Type.String(), Unit: unitName(f.Type.Unit), Offset: f.Offset[a], Size: f.Size[a], Pad: f.Pad,
		Placed: f.Placed}
	if f.Type.Tag != nil {
		out.Tag = f.Type.Tag.String()
	}
	for _, n := range f.When {
		out.When = append(out.When, json.Number(fmt.Sprint(n)))
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
	if len(r.Requests) > 0 && r.Requests[0].ID != nil {
		out.ID = placeOf(r.Requests[0].ID, a)
		for _, tag := range r.Requests[0].Tags {
			out.Tags = append(out.Tags, placeOf(tag, a))
		}
	}
	out.Keys = ringKeys(r)
	return out
}

func ringKeys(r *schema.Ring) map[string]string {
	out := map[string]string{}
	for part, k := range map[string]*schema.Key{"ref": r.RefKey, "refs": r.RefsKey, "order": r.Order, "max-order": r.MaxOrder,
		"queues": r.Queues, "max-queues": r.MaxQueues, "channel": r.Channel, "persistent": r.Persistent, "slot-size": r.SlotKey} {
		if k != nil {
			out[part] = k.Name
		}
	}
	if r.QueuePrefix != "" {
		out["under"] = r.QueuePrefix
	}
	return out
}
