// Package reading encodes and decodes slots as `idcgen layout --json` describes them. It knows that JSON and nothing else of
// the compiler, so that it can judge the generated code.
package reading

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Layout is what this package needs of the JSON.
type Layout struct {
	Protocol string
	ABIs     []struct {
		Name, String string
		Assumed      bool
	}
	Units []struct {
		Name  string
		Bytes int
	}
	Enums   []Enum
	Bits    []Bits
	Records []Record
	Rings   []Ring
	Keys    []Key
	Calls   []Call
}

// Number is any number of 64 bits, in two's complement.
type Number uint64

// UnmarshalJSON reads a number that may be negative.
func (n *Number) UnmarshalJSON(b []byte) error {
	if strings.HasPrefix(string(b), "-") {
		v, err := strconv.ParseInt(string(b), 10, 64)
		*n = Number(v)
		return err
	}
	v, err := strconv.ParseUint(string(b), 10, 64)
	*n = Number(v)
	return err
}

// Enum is a set of named numbers.
type Enum struct {
	Name, Type   string
	Open, Status bool
	Values       []struct {
		Name  string
		Value Number
		Means []string
	}
}

// Bits is an integer whose bits have names.
type Bits struct {
	Name, Type string
	Open       bool
	Groups     []struct {
		Name         string
		Shift, Width int
		Mask         Number
		Enum         string
	}
}

// Record is a struct, segment or union on one ABI.
type Record struct {
	Name, Kind, ABI string
	Size, Align     int
	Covers          struct {
		Gref, First, Last, Count string
		Bytes                    int
	}
	Fields []Field
}

// Field is a member of a record.
type Field struct {
	Name, Type   string
	Offset, Size int
	Pad, Placed  bool
	Tag          string
	When         []Number
}

// Ring is a ring on one ABI.
type Ring struct {
	Name, ABI           string
	Stride              int
	Requests, Responses []string
	ID                  Place
	Tags                []Place
	Keys                map[string]string
}

// Key is an entry of the store.
type Key struct {
	Name, In, From, Type, By, Absent, Bound, Rule string
	Obsolete, PerQueue, Made                      bool
}

// Call is a transaction or message.
type Call struct {
	Name, Ring, From, When, Split, Start string
	OneWay, Replay                       bool
	Params, Results                      []Param
	Forms                                []Form
}

// Param is an argument or a result.
type Param struct {
	Name, Type, Bulk, Elem string
	Most                   int
}

// Form is a spelling of a call on one ABI.
type Form struct {
	Name, ABI, Request, Response, When, Most string
	Match, Set, Reply                        []Bind
	Segments                                 []Segment
}

// Place is where a value is.
type Place struct {
	Path                       string
	Offset, Size, Shift, Width int
}

// Bind gives a field its value.
type Bind struct {
	Place
	From, Arg, Field string
	Value            Number
}

// Segment says where a bulk's segments are.
type Segment struct {
	Bulk, Elem, After string
	Array, Count      Place
	Most, Pages       int
}

// Parse reads the JSON.
func Parse(text []byte) (*Layout, error) {
	var l Layout
	if err := json.Unmarshal(text, &l); err != nil {
		return nil, fmt.Errorf("read the layout: %w", err)
	}
	return &l, nil
}

// Type is a type as the JSON spells it.
type Type struct {
	Name  string // of a number, a record, or what an array consists of
	N     int    // the most elements, of an array, bytes or a string
	Count string // path of the field that counts them; "": all
	Array bool   // not of bytes and strings
	Pages string // the segment that the pages behind the references are full of
}

var shape = regexp.MustCompile(`^(\w+)(?: in \w+)?(?:\[([\w.]+)\])?(?: up to (\d+))?(?: to pages of (\w+))?(?: in \w+)?$`)

// TypeOf reads a type.
func TypeOf(text string) (t Type, err error) {
	m := shape.FindStringSubmatch(text)
	if m == nil {
		return t, fmt.Errorf("type %q has a form of its own", text)
	}
	t.Name, t.Pages = m[1], m[4]
	t.Array = m[2] != "" && t.Name != "bytes" && t.Name != "string"
	switch {
	case m[3] != "":
		t.Count = m[2]
		t.N, err = strconv.Atoi(m[3])
	case m[2] != "":
		t.N, err = strconv.Atoi(m[2])
	}
	return t, err
}

// number is a plain type of the language: its size and properties.
type number struct {
	size        int
	signed, big bool
}

var numbers = map[string]number{
	"u8": {1, false, false}, "u16": {2, false, false}, "u32": {4, false, false}, "u64": {8, false, false},
	"i8": {1, true, false}, "i16": {2, true, false}, "i32": {4, true, false}, "i64": {8, true, false},
	"u16be": {2, false, true}, "u32be": {4, false, true}, "u64be": {8, false, true},
	"i16be": {2, true, true}, "i32be": {4, true, true}, "i64be": {8, true, true},
	"bool": {1, false, false}, "gref": {4, false, false}, "port": {4, false, false}, "domid": {2, false, false},
}

// Has tells whether a value has a name.
func (e *Enum) Has(n Number) bool {
	for _, v := range e.Values {
		if v.Value == n {
			return true
		}
	}
	return false
}

// Enum finds a declaration, or nil.
func (l *Layout) Enum(name string) *Enum {
	for i := range l.Enums {
		if l.Enums[i].Name == name {
			return &l.Enums[i]
		}
	}
	return nil
}

func (l *Layout) bits(name string) *Bits {
	for i := range l.Bits {
		if l.Bits[i].Name == name {
			return &l.Bits[i]
		}
	}
	return nil
}

// Record finds a struct, segment or union on an ABI, or nil.
func (l *Layout) Record(name, abi string) *Record {
	for i := range l.Records {
		if l.Records[i].Name == name && l.Records[i].ABI == abi {
			return &l.Records[i]
		}
	}
	return nil
}

// number is how a scalar type is on the wire; ok is false of everything else.
func (l *Layout) number(name string) (n number, ok bool) {
	if n, ok = numbers[name]; ok {
		return n, true
	}
	if e := l.Enum(name); e != nil {
		return numbers[e.Type], true
	}
	if b := l.bits(name); b != nil {
		return numbers[b.Type], true
	}
	return n, false
}

// UnitBytes is how many bytes one of a type's unit is; 1 without a unit.
func (l *Layout) UnitBytes(typ string) int {
	_, unit, _ := strings.Cut(typ, " in ")
	for _, u := range l.Units {
		if u.Name == unit && u.Bytes > 0 {
			return u.Bytes
		}
	}
	return 1
}

// Spoken lists the ABIs that the protocol is spoken in; one stands for all where they don't matter.
func (l *Layout) Spoken() (names, options []string) {
	for _, a := range l.ABIs {
		if a.String != "" {
			names, options = append(names, a.Name), append(options, a.String)
		}
	}
	if names == nil {
		return []string{l.ABIs[0].Name}, []string{""}
	}
	return names, options
}
