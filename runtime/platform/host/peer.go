//go:build linux

package host

import (
	"context"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
)

// peer is another domain as we see it. Its life:
//
//	unknown --Peer: the link's memory--> expected --Ready--> linked
//	expected, linked --its end, Gone, our Close--> gone
//
// We grant and listen while it is expected, and map and bind once it is linked. A gone
// peer keeps the memory of grants, mappings and channels that our side hasn't given up
// yet; the last of them takes it along.
type peer struct {
	d    *Domain
	id   platform.DomID
	line *sys.Line // tells of the peer's end
	in   *inbox
	out  outbox
	mem  *linkMemory

	cred   Cred // valid once linked
	linked atomic.Bool
	done   chan struct{} // closed when gone

	uses atomic.Int64 // arenas of both sides, channels, and 1 for being alive

	mine   [2]*arena                 // what we granted, by access
	theirs [2]atomic.Pointer[remote] // what the peer granted; set when linked

	mu   sync.Mutex
	gone bool
}

// newPeer makes a peer of what came with a Peer message. It owns the descriptors.
func newPeer(d *Domain, m proto.Msg, fds []int) (*peer, error) {
	line, err := sys.NewLine(fds[0])
	if err != nil {
		sys.CloseAll(fds[1:])
		return nil, err
	}
	mem, err := mapLink(m, fds[1:])
	if err != nil {
		line.Close()
		return nil, err
	}
	p := &peer{d: d, id: platform.DomID(m.A), line: line, mem: mem, done: make(chan struct{})}
	if p.in, err = newInbox(mem.mine, d.tags.Add(1)); err == nil {
		err = p.out.init(mem)
	}
	if err != nil {
		line.Close()
		mem.unmap()
		return nil, err
	}
	p.uses.Store(1)
	for _, access := range []platform.Access{platform.ReadWrite, platform.ReadOnly} {
		p.mine[access] = newArena(p, access)
	}
	return p, nil
}

// use counts something that needs the peer's memory. It is false once the peer is
// gone for good.
func (p *peer) use() bool {
	for {
		n := p.uses.Load()
		if n == 0 {
			return false
		}
		if p.uses.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// unuse ends a use; the last one frees the events' memory.
func (p *peer) unuse() {
	if p.uses.Add(-1) != 0 {
		return
	}
	p.in.close()
	p.out.close()
	sys.Unmap(p.mem.both)
	if p.theirs[platform.ReadWrite].Load() == nil { // it never was linked
		for _, b := range p.mem.remotes {
			sys.Unmap(b)
		}
	}
	p.d.release(p)
}

func (p *peer) isLinked() bool { return p.linked.Load() }

func (p *peer) isGone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone
}

// ready makes the peer linked: it has mapped the memory, and nobody can map it writable
// or take pages out of it any more. fd is that of its read-only arena, or -1 if we have
// it already; we own it.
func (p *peer) ready(m proto.Msg, fd int) bool {
	defer closeFD(fd)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone || p.isLinked() {
		return false
	}
	if !p.mem.first && !p.mem.populated() {
		return false
	}
	if fd >= 0 && p.mem.remotes[1] == nil {
		b, err := sys.Map(fd, 0, len(p.mem.remotes[0]), false)
		if err != nil {
			return false
		}
		p.mem.remotes[1] = b
	}
	for i, b := range p.mem.remotes {
		p.uses.Add(1) // the peer is alive
		p.theirs[i].Store(newRemote(p, b))
	}
	p.cred = Cred{PID: int(m.B), UID: int(m.C), GID: int(m.D)}
	p.linked.Store(true)
	return true
}

// watch waits for the peer's end.
func (p *peer) watch() {
	p.line.Wait(p.out.left)
	p.drop()
}

// drop makes the peer gone.
func (p *peer) drop() {
	p.mu.Lock()
	if p.gone {
		p.mu.Unlock()
		return
	}
	p.gone = true
	close(p.done)
	p.mu.Unlock()
	p.d.forget(p)
	p.out.close()
	p.in.peerGone()
	p.line.Close() // last: the other side's Close waits for it
	for i := range p.theirs {
		if r := p.theirs[i].Load(); r != nil {
			r.retire()
		}
	}
	for _, a := range p.mine {
		a.retire()
	}
	p.unuse()
}

// hangUp is the first part of the end of our own domain: waits end with ErrClosed,
// and the peer is told that nothing more will come.
func (p *peer) hangUp() {
	for _, c := range p.in.all() {
		c.Close()
	}
	p.in.leave()
	p.line.Nudge()
}

// end is the second part: once the peer has hung up, too, or it is late, what we shared
// is taken back. Memory of both sides that is still in use stays mapped until it isn't:
// a handler may be touching it.
func (p *peer) end(late context.Context) {
	if p.isLinked() {
		select {
		case <-p.done:
		case <-late.Done():
		}
	}
	p.drop()
	for _, a := range p.mine {
		a.end()
	}
}

func closeFD(fd int) {
	if fd >= 0 {
		unix.Close(fd)
	}
}
