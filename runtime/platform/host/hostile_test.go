//go:build linux

package host_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host"
	"github.com/xenidc/idc/runtime/platform/host/broker"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
	"github.com/xenidc/idc/runtime/shm"
)

// tellLie starts a liar whose part in making links is given.
func tellLie(t *testing.T, b *broker.Broker, tell func(first bool, l *liar) proto.Status) *liar {
	t.Helper()
	l, err := newLiar(b.Path())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	l.tell = tell
	return l
}

// linkedLiar is a liar that has been linked with the victim, so far as anybody can see.
func linkedLiar(t *testing.T, b *broker.Broker, victim *host.Domain) *liar {
	t.Helper()
	l := tellLie(t, b, honestly)
	if st, err := l.link(victim.ID()); err != nil || st != proto.OK {
		t.Fatalf("link: %v, %v", st, err)
	}
	return l
}

// worksWith fails unless the domain gets on with a new, honest one.
func worksWith(t *testing.T, d *host.Domain, b *broker.Broker) {
	t.Helper()
	other := join(t, b)
	defer other.Close()
	g, err := other.Grant(d.ID(), 1, platform.ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.Map(other.ID(), g.Refs(), platform.ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	m.Unmap()
	g.Free()
	ring(t, d, other)
}

// ring has each domain wake the other.
func ring(t *testing.T, a, b *host.Domain) {
	t.Helper()
	x, err := a.Listen(b.ID())
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	y, err := b.Bind(a.ID(), x.Port())
	if err != nil {
		t.Fatal(err)
	}
	defer y.Close()
	for range 10 {
		y.Notify()
		if err := x.Wait(); err != nil {
			t.Fatal(err)
		}
		x.Notify()
		if err := y.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

// inTime fails the test unless f returns within the time that docs/host.md states for
// ends, and what the machine needs.
func inTime(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s doesn't end", what)
	}
}

// TestHostileLink: what a domain does instead of its part in making a link costs it that
// link, and the victim nothing.
func TestHostileLink(t *testing.T) {
	for name, c := range map[string]struct {
		tell func(first bool, l *liar) proto.Status
		want proto.Status // what it is told itself
	}{
		"events without memory":          {func(bool, *liar) proto.Status { return proto.OK }, proto.OK},
		"memory that it had no room for": {func(bool, *liar) proto.Status { return proto.NoSpace }, proto.NoSpace},
		"an unknown status":              {func(bool, *liar) proto.Status { return 77 }, proto.NoSpace},
		"sealed against more seals": {func(_ bool, l *liar) proto.Status {
			_, _ = unix.FcntlInt(uintptr(l.fds[0]), unix.F_ADD_SEALS, unix.F_SEAL_SEAL)
			return proto.OK
		}, proto.Ended},
		"its own memory sealed, too": {func(_ bool, l *liar) proto.Status {
			_, _ = unix.FcntlInt(uintptr(l.fds[1]), unix.F_ADD_SEALS, unix.F_SEAL_SEAL)
			return proto.OK
		}, proto.Ended},
		"no mapping, no line": {func(_ bool, l *liar) proto.Status {
			l.drop()
			return proto.OK
		}, proto.OK},
	} {
		t.Run(name, func(t *testing.T) {
			testenv.Leaks(t)
			b := startBroker(t, broker.Options{})
			victim := join(t, b)
			defer victim.Close()
			l := tellLie(t, b, c.tell)
			if st, err := l.link(victim.ID()); err != nil || st != c.want {
				t.Errorf("it is told %v, %v; want %v", st, err, c.want)
			}
			_, err := victim.Map(l.id, []platform.GrantRef{3}, platform.ReadWrite)
			if !errors.Is(err, platform.ErrPeerGone) && !errors.Is(err, platform.ErrNoSpace) {
				t.Errorf("Map: %v", err)
			}
			worksWith(t, victim, b)
		})
	}
}

// TestSilentPeer: a domain that doesn't take its part holds us for the broker's time, and
// nobody else.
func TestSilentPeer(t *testing.T) {
	testenv.Leaks(t)
	b := startBroker(t, broker.Options{})
	victim := join(t, b)
	l := tellLie(t, b, honestly)
	begun := time.Now()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := victim.Bind(l.id, 1); !errors.Is(err, platform.ErrPeerGone) {
				t.Errorf("Bind: %v", err)
			}
		})
	}
	worksWith(t, victim, b)
	if time.Since(begun) > proto.LinkTime {
		t.Logf("slow machine: others took %v", time.Since(begun))
	}
	inTime(t, "Bind", all.Wait)
	// Our end doesn't wait for what is asked meanwhile.
	all.Go(func() {
		if _, err := victim.Map(l.id, []platform.GrantRef{3}, platform.ReadOnly); err == nil {
			t.Error("Map succeeded")
		}
	})
	victim.Close()
	inTime(t, "Map", all.Wait)
}

// TestHostileTable: an owner that says that pages are granted which have no memory gets
// none of ours, however it is asked.
func TestHostileTable(t *testing.T) {
	testenv.Leaks(t)
	b := startBroker(t, broker.Options{})
	victim := join(t, b)
	defer victim.Close()
	l := linkedLiar(t, b, victim)
	_, _, arena := l.first()
	try := func(want error) {
		t.Helper()
		before, err := l.blocks()
		if err != nil {
			t.Fatal(err)
		}
		for i := range liarPages {
			for _, access := range []platform.Access{platform.ReadWrite, platform.ReadOnly} {
				m, err := victim.Map(l.id, []platform.GrantRef{platform.GrantRef(i)}, access)
				if err == nil {
					m.Memory().Load32(0)
					m.Unmap()
				}
				if i > 1 && (want == nil) != (err == nil) || err != nil && !errors.Is(err, platform.ErrBadRef) {
					t.Fatalf("page %d, access %v: %v, want %v", i, access, err, want)
				}
			}
		}
		if after, _ := l.blocks(); after != before {
			t.Errorf("it had %d pages before and %d after", before, after)
		}
	}
	try(platform.ErrBadRef) // not even a table
	for i := range liarPages / 32 {
		arena.Store32(i*4, 1<<32-1)
	}
	try(platform.ErrBadRef) // all are granted, and none is there
	arena.Zero(2*shm.PageSize, arena.Len()-2*shm.PageSize)
	arena.Store32(shm.PageSize, 0)
	try(nil)
	for what, err := range map[string]error{
		"punching pages out":  unix.Fallocate(l.fds[0], unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, int64(len(l.both))),
		"MADV_REMOVE":         unix.Madvise(l.both, unix.MADV_REMOVE),
		"making it shorter":   unix.Ftruncate(l.fds[0], 0),
		"making it longer":    unix.Ftruncate(l.fds[0], int64(len(l.both))*2),
		"writing past memory": func() error { _, err := unix.Pwrite(l.fds[0], []byte("x"), 0); return err }(),
	} {
		if !errors.Is(err, unix.EPERM) {
			t.Errorf("%s: %v, want EPERM", what, err)
		}
	}
	try(nil)
	worksWith(t, victim, b)
}

// TestHostileBind: what a peer writes about who is bound to what misleads its own events.
func TestHostileBind(t *testing.T) {
	testenv.Leaks(t)
	b := startBroker(t, broker.Options{})
	victim := join(t, b)
	defer victim.Close()
	l := linkedLiar(t, b, victim)
	mine, theirs, _ := l.first()
	ch, err := victim.Listen(l.id)
	if err != nil {
		t.Fatal(err)
	}
	tag := mine.Load32(host.TagOff)
	r := newRand()
	for i := range 10000 {
		for _, m := range []shm.Memory{mine, theirs} {
			m.Store32(host.BoundAt+4*r.IntN(host.LinkPorts), r.Uint32()>>(r.IntN(32)))
			m.Store32(host.BoundAt+4*int(ch.Port()%host.LinkPorts), r.Uint32()>>(r.IntN(32)))
		}
		ch.Notify()
		c, err := victim.Bind(l.id, platform.Port(tag<<12|uint32(i%host.LinkPorts)))
		if err == nil {
			c.Notify()
			c.Close()
		} else if !errors.Is(err, platform.ErrBadPort) {
			t.Fatal(err)
		}
	}
	if err := ch.Close(); err != nil {
		t.Error(err)
	}
	worksWith(t, victim, b)
}

// TestHiddenEnd: a domain that keeps its line from telling of its end is missed all the
// same.
func TestHiddenEnd(t *testing.T) {
	testenv.Leaks(t)
	b := startBroker(t, broker.Options{})
	victim := join(t, b)
	defer victim.Close()
	l := linkedLiar(t, b, victim)
	ch, err := victim.Listen(l.id)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := unix.Read(l.line, make([]byte, 8)); n != 1 || err != nil {
		t.Fatalf("the line's byte: %d, %v", n, err)
	}
	l.control.Close() // the line stays open
	inTime(t, "Wait", func() {
		for err = ch.Wait(); err == nil; err = ch.Wait() {
		}
	})
	if !errors.Is(err, platform.ErrPeerGone) {
		t.Errorf("Wait: %v", err)
	}
	worksWith(t, victim, b)
}

// requeue moves who sleeps on the bell of some events to another word.
func requeue(events []byte) {
	bell := events[host.BellOff:]
	sys.FutexMove(bell, shm.Of(bell).Load32(0), events[1024:])
}

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// hostileEvents are what a peer does to the memory through which it rings us.
var hostileEvents = map[string]func(theirs []byte, r *rand.Rand){
	"noise": func(b []byte, r *rand.Rand) {
		m := shm.Of(b)
		m.Store32(r.IntN(m.Len()/4)*4, r.Uint32())
		m.Store32(r.IntN(256)*4, r.Uint32())
	},
	"the bell is held": func(b []byte, _ *rand.Rand) { shm.Of(b).Store32(host.BellOff, 1) },
	"the bell rings on": func(b []byte, _ *rand.Rand) {
		shm.Of(b).Store32(host.BellOff, 0)
		sys.FutexWake(b[host.BellOff:])
	},
	"cycles": func(b []byte, r *rand.Rand) {
		m := shm.Of(b)
		port := uint32(1 + r.IntN(64))
		m.Store32(host.WordsAt+int(port)*4, 1<<31|1<<29|port)
		m.Store32(8+r.IntN(16)*4, port)
		m.Store32(0, r.Uint32())
	},
	"sleepers are moved": func(b []byte, _ *rand.Rand) { requeue(b) },
}

// TestHostileEvents: waits return or sleep; Wake and Close get through; others' events do.
func TestHostileEvents(t *testing.T) {
	for name, write := range hostileEvents {
		t.Run(name, func(t *testing.T) {
			testenv.Leaks(t)
			b := startBroker(t, broker.Options{})
			victim := join(t, b)
			l := linkedLiar(t, b, victim)
			theirs := l.both[host.EventSize : 2*host.EventSize]
			var stop atomic.Bool
			var busy sync.WaitGroup
			busy.Go(func() {
				r := newRand()
				for !stop.Load() {
					write(theirs, r)
				}
			})
			defer busy.Wait()
			defer stop.Store(true)
			for range 3 {
				wakeAndClose(t, victim, l.id, 10*time.Millisecond)
			}
			worksWith(t, victim, b)
			inTime(t, "Close", func() { victim.Close() })
		})
	}
}

// wakeAndClose waits for a channel of peer's, sleeping for a while, and gets out.
func wakeAndClose(t *testing.T, d *host.Domain, peer platform.DomID, sleep time.Duration) {
	t.Helper()
	ch, err := d.Listen(peer)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	woken := make(chan struct{}, 1)
	go func() {
		err := ch.Wait()
		for ; err == nil; err = ch.Wait() {
			select {
			case woken <- struct{}{}:
			default:
			}
		}
		ended <- err
	}()
	time.Sleep(sleep)
	ch.Wake()
	inTime(t, "a Wait that Wake is for", func() { <-woken })
	time.Sleep(sleep)
	ch.Close()
	inTime(t, "a Wait whose channel is closed", func() {
		if err := <-ended; !errors.Is(err, platform.ErrClosed) {
			t.Errorf("Wait: %v", err)
		}
	})
}

// TestMovedSleeper: a peer that moves a thread that sleeps, and leaves, keeps
// neither our Close nor its own place.
func TestMovedSleeper(t *testing.T) {
	testenv.Leaks(t)
	b := startBroker(t, broker.Options{})
	victim := join(t, b)
	defer victim.Close()
	l := linkedLiar(t, b, victim)
	ch, err := victim.Listen(l.id)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		err := ch.Wait()
		for ; err == nil; err = ch.Wait() {
		}
		ended <- err
	}()
	time.Sleep(30 * time.Millisecond)
	requeue(l.both[host.EventSize:])
	l.close()
	inTime(t, "Wait for who left", func() { err = <-ended })
	if !errors.Is(err, platform.ErrPeerGone) {
		t.Errorf("Wait: %v", err)
	}
}

// TestNobodyBeforeWelcome: those who want to be linked with whoever comes next don't reach
// him before he knows who he is.
func TestNobodyBeforeWelcome(t *testing.T) {
	testenv.Leaks(t)
	b := startBroker(t, broker.Options{})
	l := tellLie(t, b, honestly)
	ctx, cancel := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	busy.Go(func() {
		for ctx.Err() == nil {
			if _, err := l.step(); err != nil {
				if !errors.Is(err, io.EOF) && ctx.Err() == nil {
					t.Error(err)
				}
				return
			}
		}
	})
	defer busy.Wait()
	defer l.control.Close()
	defer cancel()
	for i := range 200 {
		if i%8 == 0 { // what it wants meanwhile may be refused
			for next := range 8 {
				if err := l.send(proto.Msg{Op: proto.Link, A: uint32(int(l.id) + i + next + 1)}); err != nil {
					t.Fatal(err)
				}
			}
		}
		d, err := host.Join(t.Context(), b.Path())
		if err != nil {
			t.Fatalf("join %d: %v", i, err)
		}
		d.Close()
	}
}
