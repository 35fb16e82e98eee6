package schema

import (
	"strings"

	"github.com/xenidc/idc/idl/diag"
)

// Struct is a record with C's natural layout.
type Struct struct {
	Name    string
	Doc     string
	Pos     diag.Span
	Frozen  bool
	Made    bool // the compiler drew it
	Fields  []*Field
	Size    PerABI
	Align   PerABI
	Segment *Segment // non-nil: the struct describes a piece of one granted page
}

// Segment says which fields of a struct select a piece of a page.
//
// Inclusive: the piece is the units from First to Last of the page, both included (blkif).
// Otherwise: Length units from Offset on (usbif).
type Segment struct {
	Gref      *Field
	Inclusive bool
	First     *Field // or the offset
	Last      *Field // or the length
	Unit      *Unit  // of both fields; its Bytes is the grain of the piece
}

// Field is one member of a struct or union.
type Field struct {
	Name   string
	Doc    string
	Pos    diag.Span
	Type   *Type
	Offset PerABI // -1 where the field doesn't exist
	Size   PerABI // 0 where the field doesn't exist
	Pad    bool   // always zero, never shown to a driver
	Placed bool   // by the file, with `at`
	Since  int
	When   []Number // in a tagged union: the values of the tag that choose this member
	// NamesRequest marks a field that carries the id of another request in flight on the same ring (usbif's unlink_id).
	NamesRequest bool
	// Default is what fills the field when a form says nothing; nil: zero.
	Default *Source
}

// On reports whether the field exists on an ABI.
func (f *Field) On(a ABI) bool { return f.Offset[a] >= 0 }

// Field finds a member by name, or nil.
func (s *Struct) Field(name string) *Field { return fieldByName(s.Fields, name) }

// Union is several layouts of the same bytes.
type Union struct {
	Name    string
	Doc     string
	Pos     diag.Span
	Tagged  bool // every member has When
	Members []*Field
	Size    PerABI
	Align   PerABI
}

// Member finds a member by name, or nil.
func (u *Union) Member(name string) *Field { return fieldByName(u.Members, name) }

func fieldByName(list []*Field, name string) *Field {
	for _, f := range list {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// Path leads from a struct to a field of it, through nested structs and unions, and perhaps on to a group of bits.
type Path struct {
	Fields []*Field  // at least one
	Bits   *BitGroup // nil: the whole field
}

// Leaf is the field at the end.
func (p *Path) Leaf() *Field { return p.Fields[len(p.Fields)-1] }

// Offset is the distance from the start of the struct, in bytes.
func (p *Path) Offset(a ABI) (n int) {
	for _, f := range p.Fields {
		n += f.Offset[a]
	}
	return n
}

// Type is what a value at the path has: the leaf's type, or that of its group of bits.
func (p *Path) Type() *Type {
	switch {
	case p.Bits == nil:
		return p.Leaf().Type
	case p.Bits.Enum != nil:
		e := p.Bits.Enum
		return &Type{Kind: EnumOf, Enum: e, Size: e.Size, Signed: e.Signed}
	case p.Bits.Width == 1:
		return &Type{Kind: Bool, Size: 1}
	}
	size := 1
	for size*8 < p.Bits.Width {
		size *= 2
	}
	return &Type{Kind: Int, Size: size}
}

// String is the path as the language spells it.
func (p *Path) String() string {
	var names []string
	for _, f := range p.Fields {
		names = append(names, f.Name)
	}
	if p.Bits != nil {
		names = append(names, p.Bits.Name)
	}
	return strings.Join(names, ".")
}

// Equal reports whether both lead to the same place.
func (p *Path) Equal(q *Path) bool {
	if p == nil || q == nil {
		return p == q
	}
	if len(p.Fields) != len(q.Fields) || p.Bits != q.Bits {
		return false
	}
	for i := range p.Fields {
		if p.Fields[i] != q.Fields[i] {
			return false
		}
	}
	return true
}

// On reports whether everything that the path leads through exists on an ABI.
func (p *Path) On(a ABI) bool {
	for _, f := range p.Fields {
		if !f.On(a) {
			return false
		}
	}
	return true
}
