package idc

import (
	"fmt"

	"github.com/xenidc/idc/runtime/ring"
	"github.com/xenidc/idc/runtime/shm"
)

// Protocols whose layout the compiler chose grow: a later version has more
// transactions, and more fields at the end of those that there were. So that peers of
// any age understand each other, both ends publish the size of their own slots, the
// slots of the ring are as large as the larger of both, and each end reads and writes
// only the beginning that it knows. Between ends that differ, whoever writes a slot
// writes all of it, the rest as zeros: what a peer adds reads as zero where nobody
// wrote it.

// versionKey is where both ends publish which version of the protocol they speak.
const versionKey = "version"

// mostSlot is the largest slot that either end agrees to: one must fit into a page.
const mostSlot = shm.PageSize - ring.HeaderSize

// slotAlign divides every size that an end may publish, so that fields stay aligned.
const slotAlign = 8

// slots says how the slots of a connection's rings are laid out.
type slots struct {
	stride int
	fill   bool // what a side doesn't write of a slot has to be zeroed
}

// publishGrowth adds the keys by which versions agree. stride is the size of slots.
func (p *Protocol) publishGrowth(w *KeyWriter, stride int) {
	if p.Version > 0 {
		w.Uint(versionKey, uint64(p.Version))
	}
	if p.Ring.SlotSize != "" {
		w.Uint(p.Ring.SlotSize, uint64(stride))
	}
}

// agreed is the layout of slots with a peer whose keys r reads; a peer that says
// nothing has slots like ours. least is the smallest size that it may have chosen.
// What the peer publishes is only its word: r keeps the fault.
func (p *Protocol) agreed(r *KeyReader, abi, least int) slots {
	own := p.ABIs[abi].Wire.Stride
	key := p.Ring.SlotSize
	if key == "" {
		return slots{stride: own}
	}
	theirs := int(r.UintIn(key, uint64(least), mostSlot, uint64(own)))
	if theirs%slotAlign != 0 {
		r.fault(key, r.Text(key, ""), fmt.Errorf("must be a multiple of %d", slotAlign))
		theirs = own
	}
	same := r.Text(key, "") != "" && theirs == own && r.Uint(versionKey, 16, 0) == uint64(p.Version)
	return slots{stride: max(own, theirs), fill: !same}
}
