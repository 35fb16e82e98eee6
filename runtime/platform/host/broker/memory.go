//go:build linux

package broker

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
	"github.com/xenidc/idc/runtime/shm"
)

// eventPages is how many pages the events of both sides take (see package host).
const eventPages = 2 * 9

// kit is what the broker makes for a link and holds until it has handed it out: -1 is
// what it no longer has. Sides are 0, who asked, and 1.
type kit struct {
	line  [2]int // a line's ends
	both  int    // memory that both write
	alone [2]int // memory that one side writes and the other reads
}

// newKit makes what two domains share.
func newKit(x, y platform.DomID, pages [2]int) (*kit, error) {
	k := &kit{line: [2]int{-1, -1}, both: -1, alone: [2]int{-1, -1}}
	var err error
	if k.line[0], k.line[1], err = sys.Lifeline(); err != nil {
		return nil, err
	}
	name := fmt.Sprintf("xenidc-%d-%d", x, y)
	for _, f := range []struct {
		fd    *int
		name  string
		pages int
	}{
		{&k.both, name, eventPages + pages[0] + pages[1]},
		{&k.alone[0], name + "-ro", pages[0]},
		{&k.alone[1], fmt.Sprintf("xenidc-%d-%d-ro", y, x), pages[1]},
	} {
		if *f.fd, err = sys.Memfd(f.name, f.pages*shm.PageSize); err != nil {
			k.close()
			return nil, err
		}
	}
	return k, nil
}

// peerFDs are the descriptors of Peer for a side.
func (k *kit) peerFDs(side int) []int {
	fds := []int{k.line[side], k.both, k.alone[side]}
	if side == 1 {
		fds = append(fds, k.alone[0])
	}
	return fds
}

// readyFDs are the descriptors of Ready for a side.
func (k *kit) readyFDs(side int) []int {
	if side == 1 {
		return nil
	}
	return []int{k.alone[1]}
}

// gave says that a side has its end of the line, which must be nobody else's.
func (k *kit) gave(side int) {
	sys.CloseAll(k.line[side : side+1])
	k.line[side] = -1
}

// close closes what is left. A side that has the other end of the line sees it end.
func (k *kit) close() {
	sys.CloseAll([]int{k.line[0], k.line[1], k.both, k.alone[0], k.alone[1]})
}

// sealKey is the two users whose domains have the files that are sealed.
type sealKey [2]uint32

// sealing is one job for the sealer of two users.
type sealing struct {
	fds  []int
	then func(error) // called with the broker's mu held
}

// sealLocked seals files that domains of these two users have mapped, which they can make
// take for ever (see sys.SealMemfd): so the links between two users are sealed one after
// another, and those of others don't wait for them.
func (b *Broker) sealLocked(x, y uint32, fds []int, then func(error)) {
	key := sealKey{min(x, y), max(x, y)}
	b.sealings[key] = append(b.sealings[key], sealing{fds, then})
	if len(b.sealings[key]) == 1 {
		go b.sealer(key) // not waited for by Close: it may be stuck
	}
}

// sealer works until there is nothing left for two users.
func (b *Broker) sealer(key sealKey) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.sealings[key]) > 0 {
		job := b.sealings[key][0]
		b.mu.Unlock()
		var err error
		for _, fd := range job.fds {
			if e := sys.SealMemfd(fd); e != nil {
				err = e
			}
		}
		b.mu.Lock()
		job.then(err)
		b.sealings[key] = b.sealings[key][1:]
	}
	delete(b.sealings, key)
}

// clampPages keeps what a domain says of its arenas within bounds.
func clampPages(n uint32) int {
	return int(min(max(n, proto.MinArenaPages), proto.MaxArenaPages))
}

// noRoom reports whether an error of sending descriptors means that too many are on
// their way, unread: a matter of time.
func noRoom(err error) bool { return err == unix.ETOOMANYREFS }
