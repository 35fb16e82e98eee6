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

// Mistakes in growth.
const (
	FrozenGrows  ID = "frozen-grows"
	BadSince     ID = "bad-since"
	NotGenerated ID = "not-generated"
)

// Severity is the severity of every diagnostic with this id.
func (id ID) Severity() Severity {
	return Error
}
