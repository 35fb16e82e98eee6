package schema

import (
	"fmt"

	"github.com/xenidc/idc/idl/diag"
)

// Kind is the shape of a Type.
type Kind int

// The kinds. The comment says which of Type's fields matter besides.
const (
	Int      Kind = iota // Size, Signed, BigEndian, Unit
	Bool                 // one byte, 0 or 1
	EnumOf               // Enum; Size and Signed are the enum's
	BitsOf               // Bits; Size is that of the integer
	StructOf             // Struct
	UnionOf              // Union, Tag
	ArrayOf              // Elem, Max, Count, Pages
	Bytes                // Max, Count: raw bytes
	String               // Max, Count: UTF-8, no terminator
	Gref                 // u32, a grant reference
	Port                 // u32, an event channel's port
	Domid                // u16, a domain's number
	Buffer               // 16 bytes, a remote buffer reference, opaque here
)

// BufferSize is the size of a remote buffer reference on the wire, in bytes; its alignment is 4 on every ABI.
const BufferSize = 16

// Type is the type of a field, argument or result.
type Type struct {
	Kind      Kind
	Size      int  // of a scalar, in bytes
	Signed    bool // of an Int or EnumOf
	BigEndian bool
	Unit      *Unit // nil: a bare number

	Enum   *Enum
	Bits   *Bits
	Struct *Struct
	Union  *Union
	Tag    *Path // UnionOf: where in the enclosing struct the tag is; nil if the form of the transaction tells

	Elem  *Type // ArrayOf
	Max   int   // capacity in elements or bytes
	Count *Path // the field of the enclosing struct that says how many are used; nil: all
	Pages *Pages
}

// Pages says that an array of grant references leads to pages filled with segments (blkif's indirect_grefs).
type Pages struct {
	Elem    *Struct // what the pages are filled with, packed from offset 0, PerPage in each
	PerPage int
	Count   *Path // the field of the enclosing struct that says how many elements there are in all the pages
}

// PageSize is the size of a granted page on every ABI, in bytes.
const PageSize = 4096

// Scalar reports whether the type is one number on the wire.
func (t *Type) Scalar() bool {
	switch t.Kind {
	case Int, Bool, EnumOf, BitsOf, Gref, Port, Domid:
		return true
	}
	return false
}

// String is the type as the language spells it.
func (t *Type) String() string {
	switch t.Kind {
	case Int:
		return t.intName() + t.unitName()
	case EnumOf:
		return t.Enum.Name
	case BitsOf:
		return t.Bits.Name
	case StructOf:
		return t.Struct.Name
	case UnionOf:
		return t.Union.Name
	case ArrayOf:
		return t.arrayName()
	case Bytes, String:
		return t.Kind.String() + t.bound()
	}
	return t.Kind.String()
}

func (t *Type) arrayName() string {
	if t.Count != nil {
		return t.Elem.String() + t.bound()
	}
	name := fmt.Sprintf("%s[%d]", t.Elem, t.Max)
	if t.Pages != nil {
		name += " to pages of " + t.Pages.Elem.Name
	}
	return name
}

func (t *Type) bound() string {
	if t.Count == nil {
		return fmt.Sprintf("[%d]", t.Max)
	}
	return fmt.Sprintf("[%s] up to %d", t.Count, t.Max)
}

func (t *Type) intName() string {
	name := fmt.Sprintf("u%d", 8*t.Size)
	if t.Signed {
		name = fmt.Sprintf("i%d", 8*t.Size)
	}
	if t.BigEndian {
		name += "be"
	}
	return name
}

func (t *Type) unitName() string {
	if t.Unit == nil {
		return ""
	}
	return " in " + t.Unit.Name
}

// String names the kind as the language spells it.
func (k Kind) String() string {
	return [...]string{"integer", "bool", "enum", "bits", "struct", "union", "array", "bytes", "string",
		"gref", "port", "domid", "buffer"}[k]
}

// Role is what a status value means to the runtime.
type Role string

// The roles. A Status enum has exactly one value for each of success and failure; malformed and unsupported fall back
// to failure.
const (
	Success     Role = "success"     // the transaction did what it says
	Failure     Role = "failure"     // the handler failed
	Malformed   Role = "malformed"   // the request broke a bound; the handler never saw it
	Unsupported Role = "unsupported" // this end doesn't know the request
)

// Enum is a set of named numbers.
type Enum struct {
	Name     string
	Doc      string
	Pos      diag.Span
	Size     int // bytes: 1, 2, 4 or 8
	Signed   bool
	Open     bool // a value outside the list is legal and must be carried through
	Frozen   bool
	Status   bool // carries the outcome of transactions
	Values   []*EnumValue
	Reserved []Reserved
}

// EnumValue is one name of an Enum.
type EnumValue struct {
	Name  string
	Doc   string
	Pos   diag.Span
	Value Number
	Roles []Role
	Since int
}

// Reserved is a range of numbers, both ends included, that must not be given to anything.
type Reserved struct {
	First, Last Number
	Doc         string
	Pos         diag.Span
}

// Role finds the value that plays a role, with the fallbacks that Role describes; nil if e has none.
func (e *Enum) Role(r Role) *EnumValue {
	for _, v := range e.Values {
		for _, have := range v.Roles {
			if have == r {
				return v
			}
		}
	}
	if r == Malformed || r == Unsupported {
		return e.Role(Failure)
	}
	return nil
}

// Value finds a value by name, or nil.
func (e *Enum) Value(name string) *EnumValue {
	for _, v := range e.Values {
		if v.Name == name {
			return v
		}
	}
	return nil
}

// Bits is an integer whose bits have names.
type Bits struct {
	Name   string
	Doc    string
	Pos    diag.Span
	Size   int // bytes
	Frozen bool
	Open   bool // unnamed bits may be set and are carried through; otherwise they must be zero
	Groups []*BitGroup
}

// BitGroup is one bit, or several that form a number.
type BitGroup struct {
	Name  string
	Doc   string
	Pos   diag.Span
	Shift int   // the lowest bit, counted from the least significant
	Width int   // how many; 1 is a flag
	Enum  *Enum // what the number means; nil: itself
	Since int
}

// Mask is the group's bits in place.
func (g *BitGroup) Mask() uint64 { return (1<<g.Width - 1) << g.Shift }

// Mask is every bit that has a name.
func (b *Bits) Mask() (m uint64) {
	for _, g := range b.Groups {
		m |= g.Mask()
	}
	return m
}

// Group finds a group by name, or nil.
func (b *Bits) Group(name string) *BitGroup {
	for _, g := range b.Groups {
		if g.Name == name {
			return g
		}
	}
	return nil
}
