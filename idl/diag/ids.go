package diag

// ID names a kind of mistake. It never changes its meaning; docs/diagnostics.md shows each with examples.
type ID string

// Mistakes in the text.
const (
	BadToken ID = "bad-token"
	Syntax   ID = "syntax"
)

// Mistakes in names.
const (
	MissingProtocol ID = "missing-protocol"
	DuplicateName   ID = "duplicate-name"
	UnknownName     ID = "unknown-name"
	WrongKind       ID = "wrong-kind"
	BadModifier     ID = "bad-modifier"
	Cycle           ID = "cycle"
)

// Mistakes in values and types.
const (
	OutOfRange     ID = "out-of-range"
	DuplicateValue ID = "duplicate-value"
	ReservedValue  ID = "reserved-value"
	UnitMismatch   ID = "unit-mismatch"
	TypeMismatch   ID = "type-mismatch"
	StatusRoles    ID = "status-roles"
)

// Mistakes in structs.
const (
	BadOffset     ID = "bad-offset"
	SizeMismatch  ID = "size-mismatch"
	LayoutDiffers ID = "layout-differs"
	MissingBound  ID = "missing-bound"
	BadCount      ID = "bad-count"
	UnionTag      ID = "union-tag"
	SegmentShape  ID = "segment-shape"
)

// Mistakes in keys.
const (
	KeyName  ID = "key-name"
	KeyPlace ID = "key-place"
	KeyValue ID = "key-value"
	KeyRule  ID = "key-rule"
)

// Mistakes in rings, transactions and messages.
const (
	RingShape  ID = "ring-shape"
	TagMoves   ID = "tag-moves"
	SlotSize   ID = "slot-size"
	MixedForms ID = "mixed-forms"
	Unbound    ID = "unbound"
	BoundTwice ID = "bound-twice"
	FormClash  ID = "form-clash"
	Direction  ID = "direction"
	BadSplit   ID = "bad-split"
)

// What Go can't express.
const (
	GoName ID = "go-name"
)

// Mistakes in growth.
const (
	FrozenGrows  ID = "frozen-grows"
	BadSince     ID = "bad-since"
	NotGenerated ID = "not-generated"
	NoStubs      ID = "no-stubs"
)

// What could be better.
const (
	Undocumented ID = "undocumented"
	Unused       ID = "unused"
	HiddenHole   ID = "hidden-hole"
	NameStyle    ID = "name-style"
)

// All lists every id, in the order of docs/diagnostics.md.
var All = []ID{
	BadToken, Syntax,
	MissingProtocol, DuplicateName, UnknownName, WrongKind, BadModifier, Cycle,
	OutOfRange, DuplicateValue, ReservedValue, UnitMismatch, TypeMismatch, StatusRoles,
	BadOffset, SizeMismatch, LayoutDiffers, MissingBound, BadCount, UnionTag, SegmentShape,
	KeyName, KeyPlace, KeyValue, KeyRule,
	RingShape, TagMoves, SlotSize, MixedForms, Unbound, BoundTwice, FormClash, Direction, BadSplit,
	GoName,
	FrozenGrows, BadSince, NotGenerated, NoStubs,
	Undocumented, Unused, HiddenHole, NameStyle,
}

// Severity is the severity of every diagnostic with this id.
func (id ID) Severity() Severity {
	switch id {
	case Undocumented, Unused, HiddenHole, NameStyle:
		return Warning
	case NoStubs:
		return Remark
	}
	return Error
}
