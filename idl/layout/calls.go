package layout

import (
	"encoding/json"
	"fmt"

	"github.com/xenidc/idc/idl/schema"
)

// Call is a transaction or a message.
type Call struct {
	Name    string  `json:"name"`
	Ring    string  `json:"ring,omitempty"`
	OneWay  bool    `json:"oneWay,omitempty"` // a message
	From    string  `json:"from"`             // who sends it
	Params  []Param `json:"params"`           // in written order
	Results []Param `json:"results"`          // without the status
	Replay  bool    `json:"replay,omitempty"`
	Quota   int     `json:"quota,omitempty"`
	When    string  `json:"when,omitempty"`   // the key that the back must publish as 1
	Credit  string  `json:"credit,omitempty"` // the struct of the requests that a message from the back answers
	Split   string  `json:"split,omitempty"`  // the bulk that may be cut into several requests
	Start   string  `json:"start,omitempty"`  // the argument that says where a part begins
	Forms   []Form  `json:"forms"`            // preferred first, all ABIs of each
}

// Param is an argument or result: a value in the slot, or a bulk.
type Param struct {
	Name string `json:"name"`
	Type string `json:"type,omitempty"`
	Unit string `json:"unit,omitempty"`
	Bulk string `json:"bulk,omitempty"` // which way the data goes: from front, from back or both
	Elem string `json:"elem,omitempty"` // the struct that a bulk is an array of; absent: bytes
	Most int64  `json:"most,omitempty"` // of a bulk, in bytes; absent: whatever the forms hold
}

// Form is one spelling of a call on one ABI. Fields that neither Match nor Set name are zero, less the arrays of Segments
// and their counts; so are those of the response that Reply doesn't name. What doesn't exist on the ABI isn't listed.
type Form struct {
	Name     string    `json:"name"`
	ABI      string    `json:"abi"`
	Request  string    `json:"request,omitempty"`
	Response string    `json:"response,omitempty"`
	When     string    `json:"when,omitempty"` // the key that the peer must publish as 1
	Most     string    `json:"most,omitempty"` // the key that bounds the number of segments
	Match    []Bind    `json:"match"`          // constants by which a receiver knows the form
	Set      []Bind    `json:"set"`            // the other fields of what carries the arguments
	Reply    []Bind    `json:"reply"`          // the fields of the response
	Segments []Segment `json:"segments"`
	Then     string    `json:"then,omitempty"` // the call that segments mean which come with a request that has none
}

// Bind says where one field gets its value from.
type Bind struct {
	Place
	From  string      `json:"from"`            // constant, argument, result, id, device, length, status or request
	Value json.Number `json:"value,omitempty"` // of a constant
	Arg   string      `json:"arg,omitempty"`   // the argument, result or bulk
	Field string      `json:"field,omitempty"` // of the request that a response repeats
}

// Place is where a value is within a struct.
type Place struct {
	Path   string `json:"path"`
	Offset int    `json:"offset"`
	Size   int    `json:"size"`
	Shift  int    `json:"shift,omitempty"` // of a group of bits, counted from the least significant
	Width  int    `json:"width,omitempty"` // of a group of bits; absent: the whole field
}

// Segment says where the segments of a bulk are.
type Segment struct {
	Bulk  string `json:"bulk"`
	Array Place  `json:"array"`
	Count Place  `json:"count"`
	Elem  string `json:"elem"`            // the segment's struct
	Most  int    `json:"most"`            // segments
	Pages int    `json:"pages,omitempty"` // the array holds grant references of so many pages of segments
	After string `json:"after,omitempty"` // the bulk whose segments come before in the same array
}

// Covers says which fields of a segment select a piece of its page.
type Covers struct {
	Gref  string `json:"gref"`
	First string `json:"first"`          // or where the piece starts
	Last  string `json:"last,omitempty"` // included
	Count string `json:"count,omitempty"`
	Bytes int64  `json:"bytes"` // of the unit that these fields are in
}

func (l *Layout) calls(p *schema.Protocol, abis []schema.ABI) {
	for _, t := range p.Transactions {
		c := Call{Name: t.Name, Ring: ringName(t.Ring), From: string(schema.Front), Params: paramsOf(t.Params), Results: paramsOf(t.Results),
			Replay: t.Replay, Quota: t.Quota, When: keyName(t.Feature)}
		if t.Split != nil {
			c.Split, c.Start = t.Split.Bulk.Name, t.Split.Start.Name
		}
		for _, f := range t.Forms {
			c.forms(f, abis)
		}
		l.Calls = append(l.Calls, c)
	}
	for _, m := range p.Messages {
		c := Call{Name: m.Name, Ring: ringName(m.Ring), OneWay: true, From: string(m.From), Params: paramsOf(m.Params), Quota: m.Quota}
		if m.Credit != nil {
			c.Credit = m.Credit.Name
		}
		if m.Form != nil {
			c.forms(m.Form, abis)
		}
		l.Calls = append(l.Calls, c)
	}
}

func ringName(r *schema.Ring) string {
	if r == nil {
		return ""
	}
	return r.Name
}

func keyName(k *schema.Key) string {
	if k == nil {
		return ""
	}
	return k.Name
}

func structName(s *schema.Struct) string {
	if s == nil {
		return ""
	}
	return s.Name
}

func paramsOf(list []*schema.Param) (out []Param) {
	for _, p := range list {
		o := Param{Name: p.Name}
		switch {
		case p.Bulk != nil && p.Bulk.From == schema.Both:
			o.Bulk, o.Elem, o.Most = "both", structName(p.Bulk.Elem), p.Bulk.Max
		case p.Bulk != nil:
			o.Bulk, o.Elem, o.Most = "from "+string(p.Bulk.From), structName(p.Bulk.Elem), p.Bulk.Max
		case p.Type != nil:
			o.Type, o.Unit = p.Type.String(), unitName(p.Type.Unit)
		}
		out = append(out, o)
	}
	return out
}

func (c *Call) forms(f *schema.Form, abis []schema.ABI) {
	for _, a := range abis {
		c.Forms = append(c.Forms, formOf(f, a))
	}
}

func formOf(f *schema.Form, a schema.ABI) Form {
	out := Form{Name: f.Name, ABI: a.String(), Request: structName(f.Request), Response: structName(f.Response),
		When: keyName(f.Enable), Most: keyName(f.Limit), Match: bindsOf(f.Match, a, "argument"), Set: bindsOf(f.Set, a, "argument"),
		Reply: bindsOf(f.Reply, a, "result")}
	for _, s := range f.Segments {
		if !s.Array.On(a) {
			continue
		}
		seg := Segment{Bulk: s.Bulk.Name, Array: placeOf(s.Array, a), Elem: structName(s.Elem), Most: s.Max, Pages: s.Pages}
		if s.Count != nil {
			seg.Count = placeOf(s.Count, a)
		}
		if s.After != nil {
			seg.After = s.After.Name
		}
		out.Segments = append(out.Segments, seg)
	}
	if f.Then != nil {
		out.Then = f.Then.Transaction.Name
	}
	return out
}

func bindsOf(binds []schema.Bind, a schema.ABI, param string) (out []Bind) {
	for _, b := range binds {
		if !b.Path.On(a) {
			continue
		}
		o := Bind{Place: placeOf(b.Path, a), From: sources[b.Source.Kind]}
		switch b.Source.Kind {
		case schema.FromConst:
			o.Value = json.Number(fmt.Sprint(b.Source.Const))
		case schema.FromParam:
			o.From, o.Arg = param, b.Source.Param.Name
		case schema.FromLength:
			o.Arg = b.Source.Param.Name
		case schema.FromRequest:
			o.Field = b.Source.Path.String()
		}
		out = append(out, o)
	}
	return out
}

var sources = map[schema.SourceKind]string{schema.FromConst: "constant", schema.FromID: "id", schema.FromDevice: "device",
	schema.FromLength: "length", schema.FromStatus: "status", schema.FromRequest: "request"}

func placeOf(p *schema.Path, a schema.ABI) Place {
	out := Place{Path: p.String(), Offset: p.Offset(a), Size: p.Leaf().Size[a]}
	if p.Bits != nil {
		out.Shift, out.Width = p.Bits.Shift, p.Bits.Width
	}
	return out
}

func coversOf(s *schema.Segment) Covers {
	if s == nil {
		return Covers{}
	}
	out := Covers{Gref: s.Gref.Name, First: s.First.Name}
	if s.Inclusive {
		out.Last = s.Last.Name
	} else {
		out.Count = s.Last.Name
	}
	if s.Unit != nil {
		out.Bytes = s.Unit.Bytes
	}
	return out
}
