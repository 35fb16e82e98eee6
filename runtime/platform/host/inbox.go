//go:build linux

package host

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/evtchn"
	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// The event memory of one direction of a pair. The receiver makes it; the sender
// maps it too.
//
//	page 0                                     pages 1 to 128
//	+---------------------+--------+--------+--------------------------------+
//	| FIFO control block  |  ...   | bell   | event words, one a port of the |
//	| offset 0, 72 bytes  |        | at 128 | receiver's, 1024 to a page     |
//	+---------------------+--------+--------+--------------------------------+
//
// bell is 1 while the receiver sleeps, or is about to, and 0 otherwise. The sender
// exchanges it for 0 after making a port pending, and wakes whoever sleeps on it if
// it was 1. The receiver sets it, looks at the queues once more, and sleeps on it:
// since both exchange and look are sequentially consistent, one of them sees the
// other. What the sender writes there beyond that costs the receiver a spurious
// wake-up at most, and the lack of one is the sender's own event lost.
const (
	maxPorts   = evtchn.MaxPorts
	bellOff    = 128
	eventSize  = shm.PageSize * (1 + evtchn.MaxPages)
	eventBatch = 256 // events consumed before others get a turn
)

// eventMemory is a mapping of event memory.
type eventMemory struct {
	b              []byte
	control, array shm.Memory
}

func mapEvents(fd int) (*eventMemory, error) {
	b, err := sys.Map(fd, 0, eventSize, true)
	if err != nil {
		return nil, err
	}
	m := shm.Of(b)
	return &eventMemory{b, m.Page(0), m.Slice(shm.PageSize, eventSize-shm.PageSize)}, nil
}

// wake wakes who sleeps on the bell.
func (m *eventMemory) wake() { sys.FutexWake(m.b[bellOff:]) }

// inbox receives the events of one peer. It has no goroutine: of those who wait for
// channels of this peer one sleeps on the bell for all (the sleeper), and the
// others on their channel's own signal until the sleeper, or anybody who looked
// into the queues, delivers. One waiter alone, the usual case, is woken by the
// kernel directly.
type inbox struct {
	gate gate // entered by who touches mem
	mem  *eventMemory
	recv *evtchn.Receiver
	fd   int // of mem; -1 once sent

	// A kick gets the sleeper out of its sleep for a reason of ours. The peer can
	// set the bell between our clearing it and the sleeper's looking at it, so the
	// kick is repeated until the sleeper has seen it.
	asleep, kicked atomic.Bool
	again          *time.Timer

	mu      sync.Mutex // guards what follows, fields of channels, and Consume
	ports   map[uint32]*channel
	sleeper *channel
	waiting *channel // those who wait for their signal: a list through next and prev
	gone    bool     // the peer will send nothing more
	woke    bool     // somebody was woken who should run before the sleeper sleeps
	news    bool     // an event was delivered to a port that had none
	deliver func(port uint32)
}

func newInbox() (*inbox, error) {
	fd, err := sys.Memfd("xenidc-events", eventSize)
	if err != nil {
		return nil, err
	}
	mem, err := mapEvents(fd)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	in := &inbox{mem: mem, fd: fd, ports: map[uint32]*channel{}}
	if in.recv, err = evtchn.NewReceiver(mem.control, mem.array, maxPorts); err != nil {
		unix.Close(fd)
		sys.Unmap(mem.b)
		return nil, err
	}
	in.deliver = in.fire
	in.again = time.AfterFunc(time.Hour, in.kickAgain)
	in.again.Stop()
	return in, nil
}

// open makes a port of ours able to receive.
func (in *inbox) open(c *channel) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ports[c.port] = c
	if in.gate.enter() {
		in.recv.Clear(c.port)
		in.recv.Unmask(c.port)
		in.gate.leave()
	}
}

// shut makes the port deaf and gets its waiter out. It is false when it was shut.
func (in *inbox) shut(c *channel) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if c.closed {
		return false
	}
	c.closed = true
	delete(in.ports, c.port)
	if in.gate.enter() {
		in.recv.Mask(c.port)
		in.gate.leave()
	}
	in.rouse(c)
	return true
}

// bind makes port a, if it listens, the other end of the peer's port b.
func (in *inbox) bind(a, b uint32) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	c := in.ports[a]
	if c == nil || b == 0 || b >= maxPorts || !c.remote.CompareAndSwap(0, b) {
		return false
	}
	in.fire(a)
	return true
}

// unbind lets port a be bound again when the peer's port b was its other end.
func (in *inbox) unbind(a, b uint32) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if c := in.ports[a]; c != nil && b != 0 {
		c.remote.CompareAndSwap(b, 0)
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
	in.mem.control.Store32(bellOff, 1)
	in.asleep.Store(true)
	if !in.kicked.Load() && !in.recv.Ready() {
		sys.FutexWait(in.mem.b[bellOff:], 1)
	}
	in.asleep.Store(false)
	in.mem.control.Store32(bellOff, 0)
	in.kicked.Store(false)
}

// kick gets the sleeper out. The caller has changed what it will look at.
func (in *inbox) kick() {
	in.kicked.Store(true)
	in.poke()
	if in.asleep.Load() {
		in.again.Reset(time.Millisecond)
	}
}

// poke rings our own bell, once. The memory is there: a sleeper is inside the gate,
// or the caller is who closes it.
func (in *inbox) poke() {
	if in.asleep.Load() {
		in.mem.control.Store32(bellOff, 0)
		in.mem.wake()
	}
}

// kickAgain is the timer's: it kicks until the sleeper has noticed.
func (in *inbox) kickAgain() {
	if !in.gate.enter() {
		return // whoever closes the gate pokes
	}
	defer in.gate.leave()
	if in.kicked.Load() && in.asleep.Load() {
		in.poke()
		in.again.Reset(time.Millisecond)
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

// free unmaps the memory. Every channel is closed, or the domain is.
func (in *inbox) free() {
	if !in.gate.close(in.poke) {
		return
	}
	in.again.Stop()
	closeFD(in.takeFD())
	sys.Unmap(in.mem.b)
}

// takeFD returns the memory's descriptor for sending and closing, once; then -1.
func (in *inbox) takeFD() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	fd := in.fd
	in.fd = -1
	return fd
}

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
