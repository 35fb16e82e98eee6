package schema

import "github.com/xenidc/idc/idl/diag"

// ABI is a machine's rules for the layout of C structs, and an index into PerABI.
type ABI int

// The ABIs that Xen's protocols.h names.
const (
	X86_64 ABI = iota // 8-byte integers aligned to 8
	X86_32            // 8-byte integers aligned to 4
	ARM               // both arm and aarch64: laid out as X86_64

	NumABI = iota
)

// ABIs lists all of them, in the order of PerABI.
var ABIs = [NumABI]ABI{X86_64, X86_32, ARM}

// String is the name that the language uses.
func (a ABI) String() string { return [...]string{"x86_64", "x86_32", "arm"}[a] }

// ABIByName is the inverse of String.
func ABIByName(name string) (ABI, bool) {
	for _, a := range ABIs {
		if a.String() == name {
			return a, true
		}
	}
	return 0, false
}

// MaxAlign is the greatest alignment that the ABI asks of a scalar.
func (a ABI) MaxAlign() int {
	if a == X86_32 {
		return 4
	}
	return 8
}

// PerABI holds one number for each ABI.
type PerABI [NumABI]int

// Same reports whether all ABIs agree.
func (p PerABI) Same() bool { return p[0] == p[1] && p[1] == p[2] }

// Side is one of the two ends of a connection, or the toolstack that prepares both.
type Side string

// The sides. Both is the direction of a bulk buffer that either end writes.
const (
	Front     Side = "front"
	Back      Side = "back"
	Toolstack Side = "toolstack"
	Both      Side = "both"
)

// Protocol is one compiled file.
type Protocol struct {
	Name    string
	Doc     string // comment text without the slashes, lines joined by \n
	Pos     diag.Span
	Version int  // 0 if the protocol has none; otherwise the greatest `since` it may use
	Frozen  bool // nothing may be added
	Chosen  bool // the compiler drew rings and structs

	Device       Device
	Units        []*Unit
	Consts       []*Const
	Enums        []*Enum
	Bits         []*Bits
	Structs      []*Struct
	Unions       []*Union
	Status       *Enum // nil if no struct carries a status
	Keys         []*Key
	Rings        []*Ring
	Unkept       []Unkept
	Transactions []*Transaction
	Messages     []*Message
}

// Unkept is something that the file says and that stubs don't do. It is harmless where there are none.
type Unkept struct {
	Pos            diag.Span
	What, Why, Fix string // as in a diagnostic
}

// Device says where the protocol's devices live in the store and which layouts may meet there.
type Device struct {
	Doc         string
	Front       string   // the front's device type: device/FRONT/N
	Backs       []string // the back's, in order of preference: backend/BACK/DOMID/N; usually just Front
	Independent bool     // one layout on every ABI; Names may be empty then
	Names       []ABIName
	Assumed     ABI // what a back assumes when the front wrote no `protocol`
}

// ABIName is an ABI that the protocol may be spoken in and the value of the front's `protocol` key that says so.
type ABIName struct {
	ABI  ABI
	Name string // "x86_64-abi"; X:pub/io/protocols.h
	Doc  string
}

// Unit is a measure. Values of different units don't mix.
type Unit struct {
	Name  string // "sectors"
	Doc   string
	Pos   diag.Span
	Bytes int64 // how many bytes one is; 0 if it doesn't measure bytes
}

// Const is a named number.
type Const struct {
	Name  string
	Doc   string
	Pos   diag.Span
	Value Number
	Unit  *Unit // nil: a bare number
}

// StructByName finds a struct, or nil.
func (p *Protocol) StructByName(name string) *Struct { return byName(p.Structs, name) }

// RingByName finds a ring, or nil.
func (p *Protocol) RingByName(name string) *Ring { return byName(p.Rings, name) }

// EnumByName finds an enum, or nil.
func (p *Protocol) EnumByName(name string) *Enum { return byName(p.Enums, name) }

// KeyIn finds the key of that name in the directory of side, which is Front or Back, or nil.
func (p *Protocol) KeyIn(side Side, name string) *Key {
	for _, k := range p.Keys {
		if k.In == side && k.Name == name {
			return k
		}
	}
	return nil
}

type named interface{ name() string }

func (s *Struct) name() string { return s.Name }
func (r *Ring) name() string   { return r.Name }
func (e *Enum) name() string   { return e.Name }

func byName[T named](list []T, name string) (none T) {
	for _, x := range list {
		if x.name() == name {
			return x
		}
	}
	return none
}
