// Package evtchn is Xen's FIFO event channel structure over shared memory: who
// rang which bell, in which order of priority, in two shared areas and no system
// call. It is the ABI of the design's final draft (H), as in
// xen/include/public/event_channel.h (EVTCHN_FIFO_*, struct
// evtchn_fifo_control_block) and, for the algorithms, xen/common/event_fifo.c and
// Linux's drivers/xen/events/events_fifo.c. Earlier drafts, where the receiver
// wrote HEAD or no BUSY bit existed, differ and aren't spoken here.
//
// # Layout
//
// The receiver's event array holds one 32-bit native-endian word a port, 1024 to
// a page:
//
//	 31      30      29     28    27    17 16               0
//	+-------+-------+------+----+---------+------------------+
//	|PENDING|MASKED |LINKED|BUSY| (unused)|       LINK       |
//	+-------+-------+------+----+---------+------------------+
//
//	PENDING  the bell was rung and nobody has looked yet
//	MASKED   the receiver doesn't want to hear; new words start so
//	LINKED   the word is in a queue
//	BUSY     the sender is changing LINK: MASKED may not be cleared meanwhile
//	LINK     the next port of the queue; 0 ends it
//
// The control block has the heads of the 16 queues, one a priority, 0 the most
// urgent:
//
//	offset  0        4         8         12            68
//	       +--------+---------+---------+---------+---+---------+
//	       | ready  | reserved| head[0] | head[1] |...| head[15]|
//	       +--------+---------+---------+---------+---+---------+
//
// Bit q of ready says that head[q] is new:
//
//	head[q] --> word 5 --LINK--> word 9 --LINK--> word 2   <-- tail (private)
//
// Who writes what: the sender sets PENDING, LINKED, BUSY and LINK, writes head[q]
// (nobody else ever does) and sets bits of ready. The receiver clears PENDING,
// LINKED and LINK, sets and clears MASKED, and takes ready by exchange.
//
// # Who plays whom
//
// On Xen the hypervisor is the sender and a kernel the receiver, one structure a
// virtual CPU. Where a domain is a process there is one structure for each ordered
// pair of domains, in pages that just these two share: the sending process plays
// the hypervisor's part with a [Sender], the other consumes with a [Receiver].
//
// # Threat model
//
// Either side may be hostile and change any byte at any time. A [Sender] keeps
// tails and queue membership in private memory and checks every port; a
// [Receiver] checks every link and head, and does bounded work a call whatever
// cycles or storms it is shown. Neither loops on a word that the other keeps
// changing: tries are counted, and when they run out the event is the other
// side's own loss. Nothing here panics on what is in shared memory.
package evtchn

import (
	"errors"
	"fmt"

	"github.com/xenidc/idc/runtime/shm"
)

// Geometry of the structure (xen/include/public/event_channel.h).
const (
	// Queues is the number of queues and priorities (EVTCHN_FIFO_MAX_QUEUES).
	Queues = 16
	// ControlSize is the size in bytes of the control block. It is 8-byte aligned
	// and doesn't cross a page.
	ControlSize = 8 + 4*Queues
	// WordsPerPage is how many event words a page of the array holds.
	WordsPerPage = shm.PageSize / wordSize
	// LinkBits is the width of LINK (EVTCHN_FIFO_LINK_BITS).
	LinkBits = 17
	// MaxPorts is how many ports LINK can name, port 0 included, which is none
	// (EVTCHN_FIFO_NR_CHANNELS).
	MaxPorts = 1 << LinkBits
	// MaxPages is the number of pages of the largest array.
	MaxPages = MaxPorts / WordsPerPage
)

// Priorities (EVTCHN_FIFO_PRIORITY_*). Lower numbers go first.
const (
	PriorityMax     uint8 = 0
	PriorityDefault uint8 = 7
	PriorityMin     uint8 = 15
)

// Bits of an event word (EVTCHN_FIFO_PENDING, _MASKED, _LINKED, _BUSY,
// _LINK_MASK).
const (
	pending  uint32 = 1 << 31
	masked   uint32 = 1 << 30
	linked   uint32 = 1 << 29
	busy     uint32 = 1 << 28
	linkMask uint32 = 1<<LinkBits - 1
)

// Offsets in the control block, and the size of a word, all in bytes.
const (
	wordSize = 4
	readyOff = 0
	headOff  = 8
)

// readyMask is the bits of ready that name a queue.
const readyMask = 1<<Queues - 1

// errGeometry says that memory was given that can't hold the structure.
var errGeometry = errors.New("evtchn: memory doesn't fit the FIFO structure")

// ArrayPages returns how many pages hold the words of ports 0 to ports-1.
func ArrayPages(ports int) int { return (ports + WordsPerPage - 1) / WordsPerPage }

// Format makes the memory a structure that nobody has used yet: an empty control
// block, and every word masked. Whoever allocates the memory calls it before the
// other side sees it.
func Format(control, array shm.Memory) {
	control.Zero(0, ControlSize)
	for off := 0; off+wordSize <= array.Len(); off += wordSize {
		array.Store32(off, masked)
	}
}

// checkGeometry reports whether control and array can hold the structure.
func checkGeometry(control, array shm.Memory, ports int) error {
	switch {
	case control.Len() < ControlSize:
		return fmt.Errorf("%w: the control block has %d bytes, needs %d", errGeometry, control.Len(), ControlSize)
	case ports < 2 || ports > MaxPorts:
		return fmt.Errorf("%w: %d ports, must be 2 to %d", errGeometry, ports, MaxPorts)
	case array.Len() < ports*wordSize:
		return fmt.Errorf("%w: the array has %d bytes, %d ports need %d", errGeometry, array.Len(), ports, ports*wordSize)
	}
	return nil
}

// wordOff is the offset in the array of a port's word.
func wordOff(port uint32) int { return int(port) * wordSize }

// headAt is the offset in the control block of a queue's head.
func headAt(q uint8) int { return headOff + wordSize*int(q) }
