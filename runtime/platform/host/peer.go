//go:build linux

package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
)

// answerTime bounds how long we wait for a peer's answer: a peer that is stopped,
// or means harm, must not hold a caller for ever.
var answerTime = 10 * time.Second

// errSilent says that a peer doesn't answer.
var errSilent = errors.New("the peer doesn't answer")

// peer is another domain as we see it. Its life:
//
//	unknown --Grant, Listen--> expected --the broker's Peer--> linked --Hello--> ready
//	   \--------------Map, Bind, or the other side-------------^
//	expected, linked, ready --hangup, broken protocol, Close--> gone
//
// A gone peer keeps the memory of grants, mappings and channels that our side hasn't
// given up yet; the last of them takes it along.
type peer struct {
	d    *Domain
	id   platform.DomID
	cred Cred // valid once linked
	in   *inbox
	out  outbox

	questions
	slots   chan struct{} // holds an item for each question that is open
	linked  atomic.Bool
	greeted chan struct{} // closed by Hello
	done    chan struct{} // closed when gone

	uses atomic.Int64 // arenas of both sides, channels, and 1 for being alive

	mine   [2]*arena                 // what we granted, by access; guarded by mu
	theirs [2]atomic.Pointer[remote] // what the peer granted; stored under asking
	asking [2]sync.Mutex             // held while an arena is asked for

	mu   sync.Mutex
	link *sys.Packet
	gone bool
}

func newPeer(d *Domain, id platform.DomID) (*peer, error) {
	in, err := newInbox()
	if err != nil {
		return nil, err
	}
	p := &peer{
		d: d, id: id, in: in,
		slots:   make(chan struct{}, proto.MaxQuestions),
		greeted: make(chan struct{}), done: make(chan struct{}),
	}
	p.uses.Store(1)
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
	if p.uses.Add(-1) == 0 {
		p.in.free()
		p.d.release(p)
	}
}

func (p *peer) isLinked() bool { return p.linked.Load() }

func (p *peer) isGone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone
}

// attach gives the peer its link. It is false when it has one, or is gone.
func (p *peer) attach(link *sys.Packet, cred Cred) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.link != nil || p.gone {
		return false
	}
	p.link, p.cred = link, cred
	p.linked.Store(true)
	return true
}

// ready waits for the peer's Hello.
func (p *peer) ready() error {
	select {
	case <-p.greeted:
		return nil
	default:
	}
	late := time.NewTimer(answerTime)
	defer late.Stop()
	select {
	case <-p.greeted:
		return nil
	case <-p.done:
		return platform.ErrPeerGone
	case <-late.C:
		return fmt.Errorf("%w: %w", platform.ErrPeerGone, errSilent)
	}
}

// serve answers the peer until the link ends.
func (p *peer) serve() {
	defer p.drop()
	if p.hello() != nil {
		return
	}
	for {
		m, fd, err := receive(p.link)
		if err == nil {
			err = p.handle(m, fd)
		}
		if err != nil {
			return
		}
	}
}

// hello sends our event memory, and keeps the mapping alone.
func (p *peer) hello() error {
	fd := p.in.takeFD()
	if fd < 0 {
		return platform.ErrClosed
	}
	defer unix.Close(fd)
	return send(p.link, proto.Msg{Op: proto.Hello, A: proto.Version}, fd)
}

// handle does what one message asks for. It owns fd. An error is the peer's breach
// of the protocol and ends the link.
func (p *peer) handle(m proto.Msg, fd int) error {
	switch m.Op {
	case proto.ArenaIs, proto.Bound, proto.Unbound:
		p.answer(m, fd)
		return nil
	}
	defer closeFD(fd)
	switch m.Op {
	case proto.Hello:
		return p.greet(m, fd)
	case proto.Arena:
		return p.showArena(m)
	case proto.Bind:
		st := proto.OK
		if !p.in.bind(m.A, m.B) {
			st = proto.BadPort
		}
		return send(p.link, proto.Msg{Op: proto.Bound, ID: m.ID, Status: st})
	case proto.Unbind:
		p.in.unbind(m.A, m.B)
		return send(p.link, proto.Msg{Op: proto.Unbound, ID: m.ID})
	}
	return fmt.Errorf("unexpected message %d", m.Op)
}

// greet takes the peer's event memory.
func (p *peer) greet(m proto.Msg, fd int) error {
	select {
	case <-p.greeted:
		return errors.New("a second Hello")
	default:
	}
	if m.A != proto.Version {
		return fmt.Errorf("version %d, want %d", m.A, proto.Version)
	}
	if err := p.out.open(fd); err != nil {
		return err
	}
	close(p.greeted)
	return nil
}

// ask asks the peer and waits for its answer.
func (p *peer) ask(ctx context.Context, m proto.Msg) (answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime, fmt.Errorf("%w: %w", platform.ErrPeerGone, errSilent))
	defer cancel()
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return answer{fd: -1}, context.Cause(ctx)
	}
	defer func() { <-p.slots }()
	a, err := p.questions.ask(ctx, p.link, m)
	if err != nil {
		a.fd = -1
		if !errors.Is(err, platform.ErrPeerGone) {
			err = fmt.Errorf("%w: %w", platform.ErrPeerGone, err)
		}
	}
	return a, err
}

// tell is ask for what the peer need not hear: when it is busy, it isn't told.
func (p *peer) tell(m proto.Msg) {
	if !p.isLinked() || p.isGone() {
		return
	}
	select {
	case p.slots <- struct{}{}:
	default:
		return
	}
	p.questions.post(p.link, m, func() { <-p.slots })
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
	mine, link := p.mine, p.link
	p.mu.Unlock()
	p.d.forget(p)
	p.questions.fail(platform.ErrPeerGone)
	p.out.free()
	p.in.peerGone()
	if link != nil {
		link.Close() // last: the other side's Close waits for it
	}
	for i := range p.theirs {
		p.asking[i].Lock() // who asks now comes too late
		if r := p.theirs[i].Load(); r != nil {
			r.retire()
		}
		p.asking[i].Unlock()
	}
	for _, a := range mine {
		if a != nil {
			a.retire()
		}
	}
	p.unuse()
}

// hangUp is the first part of Close of our own domain: waits end with ErrClosed,
// and the peer is told that nothing more will come.
func (p *peer) hangUp() {
	for _, c := range p.in.all() {
		c.Close()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.link != nil && !p.gone {
		p.link.CloseWrite()
	}
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
	p.mu.Lock()
	mine := p.mine
	p.mu.Unlock()
	for _, a := range mine {
		if a != nil {
			a.end()
		}
	}
}
