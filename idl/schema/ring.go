package schema

import "github.com/xenidc/idc/idl/diag"

// RingHeader is the size of ring.h's indices in front of the first slot, in bytes.
const RingHeader = 64

// Ring is a shared ring of slots, laid out by Xen's ring.h. A slot is the union of all requests and responses.
type Ring struct {
	Name      string
	Doc       string
	Pos       diag.Span
	Requests  []*Slot
	Responses []*Slot
	Stride    PerABI // of one slot, in bytes

	RefKey  *Key // names the page of a one-page ring
	RefsKey *Key // "ring-ref%u", pages of a larger ring; nil: one page only
	Order   *Key // front: log2 of the pages; nil: one page only
	// MaxOrder is the back's bound on Order. nil with Order set: the back doesn't say.
	MaxOrder *Key

	Queues      *Key   // front: how many queues; nil: one
	MaxQueues   *Key   // back: the bound on it
	QueuePrefix string // "queue-%u": the directory of the keys of queue N, when there are two or more

	Channel *Key // names the event channel; rings with the same Channel share it

	// SlotKey is the front's key, of the same name as the back's, by which both publish how large their slots are: those
	// of the ring are as large as the larger. nil: slots have the size Stride.
	SlotKey *Key

	// Persistent is the front's key, of the same name as the back's, by which both agree that the back may keep granted
	// pages mapped between requests. nil: it always may.
	Persistent *Key
}

// Slot is one layout that a slot may have.
type Slot struct {
	Struct *Struct
	ID     *Path   // couples a response to its request
	Tags   []*Path // the fields that tell which message it is, most significant first
	// Echo is how an answer to this request that no form describes is filled: it has the struct of the ring's first response.
	Echo []Bind
}

// Slots is how many slots fit into so many pages: rounded down to a power of two, as ring.h does.
func (r *Ring) Slots(a ABI, pages int) int {
	n := 1
	for 2*n*r.Stride[a]+RingHeader <= pages*PageSize {
		n *= 2
	}
	return n
}

// Request finds the slot layout of a request struct, or nil.
func (r *Ring) Request(s *Struct) *Slot { return slotOf(r.Requests, s) }

// Response finds the slot layout of a response struct, or nil.
func (r *Ring) Response(s *Struct) *Slot { return slotOf(r.Responses, s) }

func slotOf(list []*Slot, s *Struct) *Slot {
	for _, slot := range list {
		if slot.Struct == s {
			return slot
		}
	}
	return nil
}
