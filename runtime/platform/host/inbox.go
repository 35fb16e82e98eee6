//go:build linux

package host

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xenidc/idc/runtime/evtchn"
	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
)

// inbox receives the events of one peer. It has no goroutine: of those who wait for
// channels of this peer one sleeps on the bell for all (the sleeper), and the
// others on their channel's own signal until the sleeper, or anybody who looked
// into the queues, delivers. One waiter alone, the usual case, is woken by the
// kernel directly.
type inbox struct {
	gate gate // entered by who touches the memory
	mine *events
	recv *evtchn.Receiver
	tag  uint32 // the upper part of our ports' numbers

	// kicked gets the sleeper out of its sleep for a reason of ours. It is not 0 from the
	// kick until the sleeper has seen it. The sleeper sleeps on this word, too, which the
	// peer doesn't share: whatever that does, a kick is heard.
	kicked atomic.Uint32
	asleep atomic.Bool

	mu      sync.Mutex // guards what follows, fields of channels, and Consume
	indices bitmap
	ports   map[uint32]*channel
	sleeper *channel
	waiting *channel // those who wait for their signal: a list through next and prev
	gone    bool     // the peer will send nothing more
	woke    bool     // somebody was woken who should run before the sleeper sleeps
	news    bool     // an event was delivered to a port that had none
	deliver func(port uint32)
}

func newInbox(mine *events, tag uint32) (*inbox, error) {
	in := &inbox{mine: mine, tag: tag, ports: map[uint32]*channel{}, indices: newBitmap(linkPorts)}
	in.indices.take(1) // port 0 is none
	var err error
	if in.recv, err = evtchn.NewReceiver(mine.control, mine.words, linkPorts); err != nil {
		return nil, err
	}
	in.deliver = in.fire
	mine.control.Store32(tagOff, tag)
	return in, nil
}

// open makes a port of ours able to receive, and says what is at its other end.
func (in *inbox) open(c *channel, bound uint32) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.gate.enter() {
		return platform.ErrPeerGone
	}
	defer in.gate.leave()
	index, ok := in.indices.take(1)
	if !ok {
		return fmt.Errorf("%w: all %d ports of the link are in use", platform.ErrNoSpace, linkPorts-1)
	}
	c.index = uint32(index)
	in.ports[c.index] = c
	in.recv.Clear(c.index)
	in.recv.Unmask(c.index)
	in.mine.bound.Store32(index*4, bound)
	return nil
}

// shut makes the port deaf, gets its waiter out, and returns what was at its other end.
// It isn't ok when it was shut.
func (in *inbox) shut(c *channel) (bound uint32, ok bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if c.closed {
		return 0, false
	}
	c.closed = true
	delete(in.ports, c.index)
	if in.gate.enter() {
		bound = in.mine.bound.Swap32(int(c.index)*4, 0)
		in.recv.Mask(c.index)
		in.gate.leave()
	}
	in.rouse(c)
	return bound, true
}

// give lets a port be used again that was shut.
func (in *inbox) give(index uint32) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.indices.give(int(index), 1)
}

// leave tells the peer that we have left.
func (in *inbox) leave() {
	if in.gate.enter() {
		in.mine.control.Store32(leftOff, 1)
		in.gate.leave()
	}
}

// fire makes an event pending on a port of ours. A port that isn't there is the
// peer's mistake. in.mu is held.
func (in *inbox) fire(port uint32) {
	if c := in.ports[port]; c != nil {
		in.news = in.news || !c.fired
		c.fired = true
		in.rouse(c)
	}
}

// rouse gets the channel's waiter, if there is one, to look again. in.mu is held.
func (in *inbox) rouse(c *channel) {
	switch {
	case in.sleeper == c:
		in.kick()
	case c.waiting:
		in.unlist(c)
		in.woke = true
		select {
		case c.signal <- struct{}{}:
		default:
		}
	}
}

// wait blocks until something happened to c, and says what.
func (in *inbox) wait(c *channel) error {
	if !in.gate.enter() {
		return in.verdict(c)
	}
	defer in.gate.leave()
	idle := 0
	in.mu.Lock()
	defer in.mu.Unlock()
	for {
		more := in.recv.Consume(eventBatch, in.deliver)
		if err, done := c.outcome(); done {
			in.handOver()
			return err
		}
		switch {
		case more || in.woke:
			in.woke = false
			in.unlocked(runtime.Gosched)
		case in.sleeper == nil:
			in.sleeper = c
			in.unlocked(in.doze)
			in.sleeper = nil
		default:
			in.list(c)
			in.unlocked(c.await)
		}
		if idle++; in.news {
			idle, in.news = 0, false
		}
		if idle > stormy {
			in.unlocked(cool)
		}
	}
}

// A waiter that was woken stormy times in a row without news for anybody suspects
// the peer of ringing for nothing, and looks at most a thousand times a second from
// then on.
const stormy = 10000

func cool() { time.Sleep(time.Millisecond) }

// unlocked calls f without the lock.
func (in *inbox) unlocked(f func()) {
	in.mu.Unlock()
	defer in.mu.Lock()
	f()
}

// verdict is what Wait returns when the memory is gone.
func (in *inbox) verdict(c *channel) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if err, done := c.outcome(); done {
		return err
	}
	return platform.ErrClosed
}

// doze sleeps on the bell, unless there is news.
func (in *inbox) doze() {
	in.mine.control.Store32(bellOff, 1)
	in.asleep.Store(true)
	if in.kicked.Load() == 0 && !in.recv.Ready() {
		sys.FutexWait(in.mine.bell(), 1, &in.kicked)
	}
	in.asleep.Store(false)
	in.mine.control.Store32(bellOff, 0)
	in.kicked.Store(0)
}

// kick gets the sleeper out. The caller has changed what it will look at.
func (in *inbox) kick() {
	in.kicked.Store(1)
	if in.asleep.Load() {
		sys.FutexWakeOwn(&in.kicked)
	}
}

// handOver has one of those who wait for their signal sleep on the bell instead of
// us. in.mu is held.
func (in *inbox) handOver() {
	if c := in.waiting; c != nil && in.sleeper == nil {
		in.rouse(c)
		in.woke = false // it is us who run on
	}
}

// list and unlist keep the list of those who wait for their signal. in.mu is held.
func (in *inbox) list(c *channel) {
	c.waiting, c.prev, c.next = true, nil, in.waiting
	if c.next != nil {
		c.next.prev = c
	}
	in.waiting = c
}

func (in *inbox) unlist(c *channel) {
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		in.waiting = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.waiting, c.prev, c.next = false, nil, nil
}

// peerGone tells all who wait that nothing more will come.
func (in *inbox) peerGone() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.gone = true
	for _, c := range in.ports {
		in.rouse(c)
	}
}

// close lets nobody in any more, and gets the sleeper out.
func (in *inbox) close() bool { return in.gate.close(in.kick) }

// all returns every channel that is open.
func (in *inbox) all() []*channel {
	in.mu.Lock()
	defer in.mu.Unlock()
	cs := make([]*channel, 0, len(in.ports))
	for _, c := range in.ports {
		cs = append(cs, c)
	}
	return cs
}
