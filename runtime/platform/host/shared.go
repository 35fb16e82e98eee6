//go:build linux

package host

import (
	"github.com/xenidc/idc/runtime/evtchn"
	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
	"github.com/xenidc/idc/runtime/shm"
)

// The memory of a link, which the broker makes. Both sides map one part whole and
// writable; of the other two one side may write and the other read.
//
//	both write   | events of 1st | events of 2nd | arena of 1st | arena of 2nd |
//	1st writes   | read-only arena of 1st |
//	2nd writes   | read-only arena of 2nd |
//
// The first is who asked for the link. An arena looks as drawn at [arena], and a side's
// events so; the other side sends them:
//
//	page 0                                              pages 1 to 4   pages 5 to 8
//	+--------------------+-----+--------+-----+-----+   +-----------+  +------------+
//	| FIFO control block | ... | bell   | tag | left|   | an event  |  | who is     |
//	| offset 0, 72 bytes |     | at 128 | 192 | 196 |   | word and  |  | bound, for |
//	+--------------------+-----+--------+-----+-----+   | port      |  | each port  |
//	                                                    +-----------+  +------------+
//
// bell is 1 while the receiver sleeps, or is about to, and 0 otherwise. The sender
// exchanges it for 0 after making a port pending, and wakes whoever sleeps on it if it
// was 1. The receiver sets it, looks at the queues once more, and sleeps on it: since both
// exchange and look are sequentially consistent, one of them sees the other. What the
// sender writes there beyond that costs the receiver a spurious wake-up at most, and the
// lack of one is the sender's own event lost.
//
// tag is the upper part of the receiver's ports of this link, so that no two ports of a
// domain have one number: port = tag<<12 | index. left is set when the receiver leaves.
//
// A word of who is bound says what is at the other end of the receiver's port: 0 while
// there is no such port, listening while nobody is, else the index of the sender's port.
// Who binds exchanges listening for its own index; who closes a port puts listening back
// at the other end. So binding asks nobody and waits for nobody, and a side that lies
// there misdirects its own events.
const (
	linkPorts  = 1 << indexBits
	indexBits  = 12
	wordPages  = linkPorts / evtchn.WordsPerPage
	bellOff    = 128
	tagOff     = 192
	leftOff    = 196
	wordsAt    = shm.PageSize
	boundAt    = wordsAt + wordPages*shm.PageSize
	eventSize  = boundAt + wordPages*shm.PageSize
	eventBatch = 256 // events consumed before others get a turn
	listening  = 1 << 31
)

// events is a mapping of one side's events.
type events struct {
	b                     []byte
	control, words, bound shm.Memory
}

func eventsOf(b []byte) *events {
	m := shm.Of(b)
	return &events{b, m.Page(0), m.Slice(wordsAt, boundAt-wordsAt), m.Slice(boundAt, eventSize-boundAt)}
}

// bell is the word that the receiver sleeps on.
func (e *events) bell() []byte { return e.b[bellOff : bellOff+4] }

// linkMemory is what we mapped of a link, and the descriptors that we keep: those of
// memory that we grant, for the day when we take back what is in use.
type linkMemory struct {
	first        bool
	both         []byte // events of both sides, unmapped whole
	mine, theirs *events
	arenas       [2][]byte // ours, by access
	fds          [2]int    // of the files that they lie in
	at           [2]int    // and where there
	remotes      [2][]byte // the peer's; the read-only one comes with Ready if we are first
}

// mapLink maps what came with a Peer message. It owns the descriptors, and has closed
// those that it doesn't keep, also when it fails.
func mapLink(m proto.Msg, fds []int) (*linkMemory, error) {
	l := &linkMemory{first: m.Flags&proto.First != 0, fds: [2]int{-1, -1}}
	ours, theirs := int(m.C)*shm.PageSize, int(m.B)*shm.PageSize
	whole, err := sys.Map(fds[0], 0, 2*eventSize+ours+theirs, true)
	if err != nil {
		sys.CloseAll(fds)
		return nil, err
	}
	l.both = whole[: 2*eventSize : 2*eventSize]
	one, two := l.both[:eventSize:eventSize], l.both[eventSize:]
	rest := whole[2*eventSize:]
	if l.first {
		l.mine, l.theirs = eventsOf(one), eventsOf(two)
		l.arenas[0], l.remotes[0], l.at[0] = rest[:ours:ours], rest[ours:], 2*eventSize
		err = sys.Populate(l.both)
	} else {
		l.mine, l.theirs = eventsOf(two), eventsOf(one)
		l.remotes[0], l.arenas[0], l.at[0] = rest[:theirs:theirs], rest[theirs:], 2*eventSize+theirs
	}
	l.fds[0], l.fds[1] = fds[0], fds[1]
	if err == nil {
		l.arenas[1], err = sys.Map(fds[1], 0, ours, true)
	}
	if len(fds) > 2 {
		if err == nil {
			l.remotes[1], err = sys.Map(fds[2], 0, theirs, false)
		}
		sys.CloseAll(fds[2:])
	}
	if err != nil {
		l.unmap()
		return nil, err
	}
	return l, nil
}

// populated reports whether the events' pages are there. The other side was to see to
// that if it asked for the link, and they stay: else each that we touch would be on our
// account, for as long as it likes.
func (l *linkMemory) populated() bool {
	var have [2 * eventSize / shm.PageSize]bool
	for i := range have {
		if err := sys.Resident(l.both, have[:], i); err != nil || !have[i] {
			return false
		}
	}
	return true
}

// unmap gives everything back: nobody has used it.
func (l *linkMemory) unmap() {
	sys.Unmap(l.both)
	for i := range l.arenas {
		sys.Unmap(l.arenas[i])
		sys.Unmap(l.remotes[i])
	}
	sys.CloseAll(l.fds[:])
}
