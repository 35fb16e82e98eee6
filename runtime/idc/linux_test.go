package idc_test

import (
	"context"
	"encoding/binary"
	"maps"
	"strconv"
	"testing"
	"time"

	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/ring"
	"github.com/xenidc/idc/runtime/store"
)

// device is a toolstack's device in the tests' world.
type device struct {
	*world
	idc.Assignment
	root *store.Client // the toolstack's
}

const testDev = 51712

func newDevice(t testing.TB, w *world, front, back platform.Domain) *device {
	d := &device{w, idc.Assignment{
		Front: front.ID(), Back: back.ID(), Device: "vcount", Type: "idcvcount", Dev: testDev,
		FrontKeys: map[string]string{"virtual-device": strconv.Itoa(testDev)},
	}, w.store.Local()}
	t.Cleanup(func() { d.root.Close() })
	return d
}

func (d *device) make() {
	d.t.Helper()
	if made, err := d.Make(context.Background(), d.root, d.BackDir()); err != nil || !made {
		d.t.Fatal(made, err)
	}
}

func (d *device) remove() { d.try(d.Remove(context.Background(), d.root)) }

// set writes a node of the back end's, as a toolstack.
func (d *device) set(key, value string) {
	d.try(d.root.Write(context.Background(), 0, d.BackDir()+"/"+key, value))
}

func (d *device) get(dir, key string) string {
	v, _ := d.root.Read(context.Background(), 0, dir+"/"+key)
	return v
}

func (d *device) states() [2]store.State {
	return [2]store.State{
		store.ParseState(d.get(d.FrontDir(), "state")), store.ParseState(d.get(d.BackDir(), "state")),
	}
}

// until has step called until the states are such.
func (d *device) until(front, back store.State, step func()) {
	d.t.Helper()
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if d.states() == [2]store.State{front, back} {
			return
		}
		step()
	}
	d.t.Fatalf("states %v; want %v and %v", d.states(), front, back)
}

func nothing() {}

// end is what both of Linux's drivers do.
type end struct {
	*device
	dom platform.Domain
	c   *store.Client
	dir string
	own store.State
}

// say is xenbus_switch_state: in a transaction, if the node is there.
func (e *end) say(s store.State, keys map[string]string) {
	e.t.Helper()
	err := e.c.Transaction(context.Background(), func(tx store.Tx) error {
		if _, err := e.c.Read(context.Background(), tx, e.dir+"/state"); err != nil {
			return err
		}
		for k, v := range keys {
			if err := e.c.Write(context.Background(), tx, e.dir+"/"+k, v); err != nil {
				return err
			}
		}
		return e.c.Write(context.Background(), tx, e.dir+"/state", s.Value())
	})
	if err != nil {
		e.t.Logf("say %v: %v", s, err)
	}
	e.own = s
}

// linuxFront does what blkfront does (blkback_changed, drivers/block/xen-blkfront.c).
type linuxFront struct {
	end
	pages   platform.Grant
	channel platform.Channel
	ring    *ring.Front
	keys    map[string]string // written besides the ring's
	order0  bool              // it writes ring-page-order although it is 0
	seen    []string          // values of the back end's key "most", at each Connected
}

func newLinuxFront(d *device, dom platform.Domain) *linuxFront {
	f := &linuxFront{end: end{device: d, dom: dom, c: d.client(dom), dir: d.FrontDir(), own: store.StateInitialising}}
	d.t.Cleanup(func() { f.free(); f.c.Close() })
	return f
}

func (f *linuxFront) free() {
	if f.pages != nil {
		f.channel.Close()
		f.pages.Free()
		f.pages = nil
	}
}

// step reacts to the back end's state.
func (f *linuxFront) step() {
	v, _ := f.c.Read(context.Background(), 0, f.BackDir()+"/state")
	switch store.ParseState(v) {
	case store.StateInitWait:
		if f.own == store.StateInitialising {
			f.talk()
		}
	case store.StateConnected:
		if f.own == store.StateInitialising {
			f.talk()
		}
		most, _ := f.c.Read(context.Background(), 0, f.BackDir()+"/most")
		f.seen = append(f.seen, most)
		if f.own == store.StateInitialised {
			f.say(store.StateConnected, nil)
		}
	case store.StateClosing, store.StateClosed:
		if f.own != store.StateClosed {
			f.free()
			f.say(store.StateClosed, nil)
		}
	}
}

// talk is talk_to_blkback: one ring of one page, so no ring-page-order. Rings of
// before end when the new ones are published, as far as the back end can see: on Xen it
// has their pages for as long as it likes.
func (f *linuxFront) talk() {
	old := *f
	defer old.free()
	var err error
	f.pages, err = f.dom.Grant(f.Back, 1, platform.ReadWrite)
	f.try(err)
	f.ring, err = ring.NewFront(f.pages.Memory(), countWire.Stride)
	f.try(err)
	f.channel, err = f.dom.Listen(f.Back)
	f.try(err)
	keys := map[string]string{
		"ring-ref":      strconv.Itoa(int(f.pages.Refs()[0])),
		"event-channel": strconv.Itoa(int(f.channel.Port())),
	}
	if f.order0 {
		keys["ring-page-order"], keys["ring-ref0"], keys["ring-ref"] = "0", keys["ring-ref"], "banana"
	}
	maps.Copy(keys, f.keys)
	f.say(store.StateInitialised, keys)
}

// ask has one request answered.
func (f *linuxFront) ask(v uint64) {
	f.t.Helper()
	slot := make([]byte, 16)
	binary.LittleEndian.PutUint64(slot[8:], v)
	f.ring.Put(slot)
	if f.ring.Push() {
		f.channel.Notify()
	}
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Microsecond) {
		if n, err := f.ring.Responses(); err != nil || n > 0 {
			f.try(err)
			f.ring.Take(slot)
			if got := binary.LittleEndian.Uint64(slot[8:]); got != v+1 {
				f.t.Errorf("%d answered by %d", v, got)
			}
			return
		}
	}
	f.t.Fatalf("no answer to %d", v)
}

// connect goes on until both are connected, and tries it.
func (f *linuxFront) connect() {
	f.t.Helper()
	f.until(store.StateConnected, store.StateConnected, f.step)
	f.ask(41)
}

// again begins anew, as a front end does whose driver is loaded again.
func (f *linuxFront) again() {
	f.t.Helper()
	f.free()
	f.say(store.StateInitialising, nil)
	f.until(store.StateInitialising, store.StateInitWait, func() {})
	f.connect()
}

// linuxBack does what blkback does (frontend_changed, drivers/block/xen-blkback/xenbus.c).
type linuxBack struct {
	end
	most    int
	pages   platform.Mapping
	channel platform.Channel
	ring    *ring.Back
	held    int // requests that are left unanswered
	gone    bool
}

func newLinuxBack(d *device, dom platform.Domain) *linuxBack {
	b := &linuxBack{end: end{device: d, dom: dom, c: d.client(dom), dir: d.BackDir()}, most: 4}
	d.t.Cleanup(func() { b.disconnect(); b.c.Close() })
	return b
}

func (b *linuxBack) probe() {
	b.say(store.StateInitWait, map[string]string{"multi-queue-max-queues": "2"})
}

func (b *linuxBack) disconnect() {
	if b.pages != nil {
		b.channel.Close()
		b.pages.Unmap()
		b.pages = nil
	}
}

// step reacts to the front end's state, and serves.
func (b *linuxBack) step() {
	if b.own == store.StateUnknown {
		b.probe()
	}
	v, _ := b.c.Read(context.Background(), 0, b.FrontDir()+"/state")
	switch store.ParseState(v) {
	case store.StateInitialising:
		if b.own == store.StateClosed {
			b.say(store.StateInitWait, nil)
		}
	case store.StateInitialised, store.StateConnected:
		if b.own != store.StateConnected && b.own != store.StateClosing {
			b.disconnect()
			b.connect()
		}
		b.serve()
	case store.StateClosing:
		if b.own != store.StateClosing {
			b.say(store.StateClosing, nil)
		}
		b.serve()
	case store.StateClosed:
		b.disconnect()
		if b.own != store.StateClosed {
			b.say(store.StateClosed, nil)
		}
		b.gone = b.get(b.dir, "online") == "0"
	case store.StateUnknown:
		b.disconnect()
		b.gone = true
	}
}

func (b *linuxBack) key(name string) int {
	v, err := b.c.Read(context.Background(), 0, b.FrontDir()+"/"+name)
	b.try(err)
	n, err := strconv.Atoi(v)
	b.try(err)
	return n
}

func (b *linuxBack) connect() {
	if v := b.get(b.FrontDir(), "ring-page-order"); v != "" {
		b.t.Fatalf("ring-page-order is %q for a ring of one page", v)
	}
	if v := b.get(b.FrontDir(), "multi-queue-num-queues"); v != "" {
		b.t.Fatalf("multi-queue-num-queues is %q for one queue", v)
	}
	if v := b.get(b.FrontDir(), "protocol"); v == "" {
		b.t.Fatal("no protocol")
	}
	var err error
	b.pages, err = b.dom.Map(b.Front, []platform.GrantRef{platform.GrantRef(b.key("ring-ref"))}, platform.ReadWrite)
	b.try(err)
	b.channel, err = b.dom.Bind(b.Front, platform.Port(b.key("event-channel")))
	b.try(err)
	b.ring, err = ring.NewBack(b.pages.Memory(), countWire.Stride)
	b.try(err)
	b.say(store.StateConnected, map[string]string{"most": strconv.Itoa(b.most)})
}

// serve answers what is there, but leaves as many as held.
func (b *linuxBack) serve() {
	if b.pages == nil {
		return
	}
	n, err := b.ring.Requests()
	b.try(err)
	slot := make([]byte, 16)
	for ; n > 0 && b.held == 0; n-- {
		b.ring.Take(slot)
		binary.LittleEndian.PutUint64(slot[8:], binary.LittleEndian.Uint64(slot[8:])+1)
		b.ring.Put(slot)
	}
	if b.ring.Push() {
		b.channel.Notify()
	}
	if pending, _ := b.ring.Arm(); pending && b.held == 0 {
		b.serve()
	}
}

// play has step called until stop is.
func play(step func()) (stop func()) {
	end, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		for {
			select {
			case <-end:
				return
			case <-time.After(time.Millisecond):
				step()
			}
		}
	}()
	return func() { close(end); <-over }
}
