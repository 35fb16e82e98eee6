package idc

import (
	"runtime"
	"strings"

	"github.com/xenidc/idc/runtime/ring"
	"github.com/xenidc/idc/runtime/shm"
)

// Protocol describes one device protocol to the runtime. Generated code holds one,
// and never changes it.
type Protocol struct {
	Name   string // of the .idc file's protocol
	Device string // directory in the store, for example "vbd"
	ABIs   []ABI  // numbered by position
	// DefaultABI is the number of the ABI that a front end speaks which publishes
	// none.
	DefaultABI int
	// Version is the greatest version of the protocol that this end knows, which both
	// ends publish; 0 if the protocol has none.
	Version int
	Ring    RingSpec

	// Persistent is the key by which both ends say that the back end may keep the
	// front end's pages mapped ("feature-persistent"). Protocols without it always do.
	Persistent string

	MaxSegments int // most segments of one request, over all its forms
	Direct      int // segments that fit in the request itself
	SegmentSize int // bytes of a segment in a page of segments, 0 if there is no such form
	Alignment   int // bytes that a segment's offset in its page is a multiple of
}

// ABI is one way to lay out the slots.
type ABI struct {
	Name string // the value of the front end's key "protocol"; "" if there is none
	Arch string // GOARCH that speaks it by default
	Wire Wire
}

// RingSpec names the store keys of a ring, as its protocol spells them. A key that
// the protocol doesn't have is "".
type RingSpec struct {
	Ref       string // front: grant of a ring of one page, "ring-ref"
	Order     string // front: "ring-page-order"
	MaxOrder  string // back: "max-ring-page-order"
	Orders    int    // the largest order that either side of ours uses
	Port      string // front: "event-channel"
	Queues    string // front: "multi-queue-num-queues"
	MaxQueues string // back: "multi-queue-max-queues"
	SlotSize  string // both, where slots may grow: "slot-size"
}

// queueDir begins the name of a queue's directory, where there are several (blkif.h,
// "Multiple hardware queues/rings").
const queueDir = "queue-"

// has reports whether a front end's key tells of its rings: one of those here, a
// numbered page, or the directory of a queue.
func (r *RingSpec) has(name string) bool {
	stem := strings.TrimRight(name, "0123456789")
	return name != "" && (name == r.Order || name == r.Queues || name == r.Port || stem == r.Ref || stem == queueDir)
}

// abi returns the number of the ABI to speak: the one that was asked for by name,
// else the machine's.
func (p *Protocol) abi(want string) int {
	for i, a := range p.ABIs {
		if want != "" && a.Name == want || want == "" && a.Arch == runtime.GOARCH {
			return i
		}
	}
	return 0
}

// named returns the number of the ABI that a front end published; -1 if it is
// unknown.
func (p *Protocol) named(published string) int {
	if published == "" {
		return p.DefaultABI
	}
	for i, a := range p.ABIs {
		if a.Name == published {
			return i
		}
	}
	return -1
}

// slotSize is the size in bytes of the largest slot on any ABI.
func (p *Protocol) slotSize() (n int) {
	for _, a := range p.ABIs {
		n = max(n, a.Wire.Stride)
	}
	return n
}

// depth is how many slots a ring of 1<<order pages has on the given ABI, or how many
// of them an id can tell apart.
func (p *Protocol) depth(abi, order int) int {
	w := &p.ABIs[abi].Wire
	n := ring.Slots(shm.PageSize<<order, w.Stride)
	if w.ResponseID.Size < 4 {
		n = min(n, 1<<(8*w.ResponseID.Size))
	}
	return n
}
