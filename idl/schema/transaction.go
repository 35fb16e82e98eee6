package schema

import "github.com/xenidc/idc/idl/diag"

// Transaction is a request of the front and the back's response to it.
type Transaction struct {
	Name    string
	Doc     string
	Pos     diag.Span
	Ring    *Ring
	Params  []*Param
	Results []*Param // scalars, bytes and strings of the response, without the status
	Forms   []*Form  // preferred first
	Replay  bool     // resubmitted after a reconnect; otherwise it fails
	Quota   int      // how many may be outstanding; 0: as many as the ring holds
	Feature *Key     // must be advertised, else it is unsupported without asking; nil: always there
	Split   *Split   // nil: a bulk must fit one request
	Option  bool     // a back may leave it out, and then doesn't advertise Feature
	Since   int
}

// Param is an argument or result. Bulk is nil for a value that travels inside the slot.
type Param struct {
	Name  string
	Doc   string
	Pos   diag.Span
	Type  *Type // nil for a bulk
	Bulk  *Bulk
	Since int
}

// Bulk is an argument that travels beside the ring, in granted pages.
//
// The arrow is that of the data. From Front: the front's buffer is read by the back (a write to a disk). From Back: the
// back fills the front's buffer. Both: the back reads it and may change it.
type Bulk struct {
	From Side
	Max  int64   // bytes; 0: whatever the forms hold
	Elem *Struct // what the bytes are an array of; nil: bytes
}

// Split says that a bulk too long for one request may become several, each starting at a field advanced by what the
// ones before it carried, in the field's unit.
type Split struct {
	Bulk  *Param
	Start *Param // the argument that is advanced
}

// Form is one spelling of a transaction or message on the wire.
type Form struct {
	Name     string
	Doc      string
	Pos      diag.Span
	Request  *Struct // nil for a message in a response slot
	Response *Struct // nil for a message in a request slot
	Match    []Bind  // constants only, all on tags of the ring
	Set      []Bind  // the other fields of the request (of the response, for a message from the back)
	Reply    []Bind  // the fields of the response
	Segments []SegmentBind
	Enable   *Key // usable only if the peer advertises this; nil: always
	Limit    *Key // usable only if the peer publishes this, and then for at most so many segments; nil: no such limit
	Then     *Then
}

// Then is what segments mean that come with a request of a form that has none: other fronts may send two transactions
// as one. After a success the back serves the second, whose outcome is then the request's. Our own fronts send none.
type Then struct {
	Transaction *Transaction
	Form        *Form // of the same structs as the form that has a Then
}

// MaxSegments is how many segments one bulk argument may have in this form, before Limit.
func (f *Form) MaxSegments(bulk *Param) int {
	for i := range f.Segments {
		if s := &f.Segments[i]; s.Bulk == bulk {
			return s.Max
		}
	}
	return 0
}

// SegmentBind says where the segments of one bulk argument are written.
//
// Several binds on one Array follow each other in it, in order; Max of each is then the whole capacity, and the sum of
// the counts must not exceed it.
type SegmentBind struct {
	Bulk  *Param
	Array *Path   // an ArrayOf segments, or an ArrayOf Gref with Pages
	Count *Path   // where the number of segments is written
	Elem  *Struct // the segment
	Pages int     // 0: the segments are in the slot; otherwise the most pages of segments there may be
	Max   int     // the most segments
	After *Param  // the bulk whose segments come before in the same array; nil: starts at 0
}

// Bind gives one field of a slot its value.
type Bind struct {
	Path   *Path
	Source Source
}

// SourceKind is where a field's value comes from.
type SourceKind int

// The sources. The comment says which fields of Source matter.
const (
	FromConst   SourceKind = iota // Const, Value
	FromParam                     // Param: an argument in a request, a result in a response
	FromID                        // the id by which the response finds its request
	FromDevice                    // the device's number: the last element of its path in the store
	FromLength                    // Param: the length of a bulk, in the unit of the field, or of bytes without one
	FromStatus                    // the outcome
	FromRequest                   // Path: the same value as that field of the request
)

// Source is a value's origin.
type Source struct {
	Kind  SourceKind
	Const Number
	Value *EnumValue // the name of Const, if it has one
	Param *Param
	Path  *Path
}

// Message travels one way.
//
// From Front: it occupies a request slot, and the runtime gives the slot back with a response that only echoes the id.
// From Back: it occupies a response slot, so the front must have posted a request, which is the credit for it.
type Message struct {
	Name   string
	Doc    string
	Pos    diag.Span
	Ring   *Ring
	From   Side
	Params []*Param
	Form   *Form
	// Credit is the request struct that the front posts, one per message it is ready to take; nil for messages
	// from the front.
	Credit *Struct
	Quota  int
	Since  int
}
