//go:build linux

package host_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/evtchn"
	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host"
	"github.com/xenidc/idc/runtime/platform/host/broker"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
	"github.com/xenidc/idc/runtime/shm"
)

const eventSize = shm.PageSize * (1 + evtchn.MaxPages)

// liar is a domain that speaks the protocols by hand.
type liar struct {
	t       *testing.T
	control *sys.Packet
	link    *sys.Packet
	id      platform.DomID
	bells   []byte // the victim's event memory
}

func dialControl(t *testing.T, b *broker.Broker) *sys.Packet {
	t.Helper()
	c, err := net.Dial("unixpacket", b.Path()+proto.ControlSuffix)
	if err != nil {
		t.Fatal(err)
	}
	p, err := sys.NewPacket(c.(*net.UnixConn))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// newLiar joins the broker and gets itself linked with the victim.
func newLiar(t *testing.T, b *broker.Broker, victim platform.DomID) *liar {
	t.Helper()
	l := &liar{t: t, control: dialControl(t, b)}
	l.send(l.control, proto.Msg{Op: proto.Join, A: proto.Version})
	m, _ := l.receive(l.control)
	l.id = platform.DomID(m.A)
	l.send(l.control, proto.Msg{Op: proto.Link, ID: 1, A: uint32(victim)})
	m, fds := l.receive(l.control)
	if m.Op != proto.Peer || len(fds) != 1 {
		t.Fatalf("the broker sent %+v with descriptors %v", m, fds)
	}
	var err error
	if l.link, err = sys.PacketOf(fds[0]); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.link.Close() })
	l.receive(l.control) // Linked
	m, fds = l.receive(l.link)
	if m.Op != proto.Hello || len(fds) != 1 {
		t.Fatalf("the victim sent %+v", m)
	}
	defer sys.CloseAll(fds)
	if l.bells, err = sys.Map(fds[0], 0, eventSize, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sys.Unmap(l.bells) })
	return l
}

func (l *liar) send(c *sys.Packet, m proto.Msg, fds ...int) {
	l.t.Helper()
	if err := c.Send(m.Append(nil), fds...); err != nil {
		l.t.Fatal(err)
	}
}

func (l *liar) receive(c *sys.Packet) (proto.Msg, []int) {
	l.t.Helper()
	var buf [proto.MaxSize]byte
	n, fds, err := c.Recv(buf[:])
	if err != nil {
		l.t.Fatal(err)
	}
	m, err := proto.Parse(buf[:n])
	if err != nil {
		l.t.Fatal(err)
	}
	return m, fds
}

// hello is what an honest peer would say.
func (l *liar) hello() {
	l.t.Helper()
	l.send(l.link, proto.Msg{Op: proto.Hello, A: proto.Version}, memfd(l.t, eventSize))
}

// wantDropped fails unless the victim hangs up.
func (l *liar) wantDropped() {
	l.t.Helper()
	late := time.AfterFunc(10*time.Second, func() { l.link.Close() })
	defer late.Stop()
	for {
		var buf [proto.MaxSize]byte
		_, fds, err := l.link.Recv(buf[:])
		sys.CloseAll(fds)
		if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
			return
		}
		if err != nil {
			l.t.Fatalf("the victim didn't hang up: %v", err)
		}
	}
}

func memfd(t *testing.T, size int) int {
	t.Helper()
	fd, err := sys.Memfd("test", size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// unsealed is a memfd that could be shrunk.
func unsealed(t *testing.T, size int) int {
	t.Helper()
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err == nil {
		err = unix.Ftruncate(fd, int64(size))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// plainFile is a file of the right size.
func plainFile(t *testing.T, size int) int {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err == nil {
		err = f.Truncate(int64(size))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return int(f.Fd())
}

// TestHostileLink breaks the link's protocol in every way; the victim hangs up, and
// works on with others.
func TestHostileLink(t *testing.T) {
	hello := proto.Msg{Op: proto.Hello, A: proto.Version}
	for _, c := range []struct {
		name string
		do   func(t *testing.T, l *liar)
	}{
		{"unsealed memory", func(t *testing.T, l *liar) { l.send(l.link, hello, unsealed(t, eventSize)) }},
		{"small memory", func(t *testing.T, l *liar) { l.send(l.link, hello, memfd(t, shm.PageSize)) }},
		{"a file", func(t *testing.T, l *liar) { l.send(l.link, hello, plainFile(t, eventSize)) }},
		{"a socket", func(t *testing.T, l *liar) {
			a, b, err := sys.Pair(unix.SOCK_STREAM)
			if err != nil {
				t.Fatal(err)
			}
			defer sys.CloseAll([]int{a, b})
			l.send(l.link, hello, a)
		}},
		{"no memory", func(_ *testing.T, l *liar) { l.send(l.link, hello) }},
		{"two descriptors", func(t *testing.T, l *liar) {
			fd := memfd(t, eventSize)
			l.send(l.link, hello, fd, fd)
		}},
		{"many descriptors", func(t *testing.T, l *liar) {
			fd := memfd(t, eventSize)
			fds := make([]int, 200)
			for i := range fds {
				fds[i] = fd
			}
			l.send(l.link, hello, fds...)
		}},
		{"another version", func(t *testing.T, l *liar) {
			l.send(l.link, proto.Msg{Op: proto.Hello, A: 99}, memfd(t, eventSize))
		}},
		{"a second hello", func(_ *testing.T, l *liar) { l.hello(); l.hello() }},
		{"a short message", func(_ *testing.T, l *liar) { _ = l.link.Send([]byte{1}) }},
		{"a long message", func(_ *testing.T, l *liar) { _ = l.link.Send(make([]byte, 60000)) }},
		{"an unknown message", func(_ *testing.T, l *liar) { l.send(l.link, proto.Msg{Op: 200}) }},
		{"the broker's message", func(_ *testing.T, l *liar) { l.send(l.link, proto.Msg{Op: proto.Peer}) }},
		{"questions without reading", func(_ *testing.T, l *liar) {
			for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); {
				err := l.link.Send(proto.Msg{Op: proto.Bind, A: 1, B: 1}.Append(nil))
				if errors.Is(err, sys.ErrFull) {
					time.Sleep(time.Millisecond) // let the victim get on with its answers
				} else if err != nil {
					return
				}
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			testenv.Leaks(t)
			b := startBroker(t, broker.Options{})
			victim := join(t, b)
			defer victim.Close()
			l := newLiar(t, b, victim.ID())
			ch, err := victim.Listen(l.id)
			if err != nil {
				t.Fatal(err)
			}
			c.do(t, l)
			l.wantDropped()
			for err = ch.Wait(); err == nil; err = ch.Wait() { // the event of a bind, at times
			}
			if !errors.Is(err, platform.ErrPeerGone) {
				t.Errorf("Wait: %v", err)
			}
			worksWith(t, victim, b)
		})
	}
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
}

// TestHostileAnswers: what a peer says of its arena or our question costs that call
// alone.
func TestHostileAnswers(t *testing.T) {
	size := 16 * shm.PageSize
	is := func(pages uint32) proto.Msg { return proto.Msg{Op: proto.ArenaIs, A: pages} }
	for _, c := range []struct {
		name string
		say  proto.Msg
		fd   func(t *testing.T) int
	}{
		{"no descriptor", is(16), nil},
		{"no arena", proto.Msg{Op: proto.ArenaIs, Status: proto.NoArena}, nil},
		{"an unknown status", proto.Msg{Op: proto.ArenaIs, Status: 99}, nil},
		{"no pages", is(0), func(t *testing.T) int { return memfd(t, size) }},
		{"more pages than there are", is(17), func(t *testing.T) int { return memfd(t, size) }},
		{"too many pages", is(1 << 31), func(t *testing.T) int { return memfd(t, size) }},
		{"unsealed", is(16), func(t *testing.T) int { return unsealed(t, size) }},
		{"a file", is(16), func(t *testing.T) int { return plainFile(t, size) }},
		{"memory that can't be written", is(16), func(t *testing.T) int {
			ro, err := sys.ReadOnlyCopy(memfd(t, size))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { unix.Close(ro) })
			return ro
		}},
		{"an arena where nothing is granted", is(16), func(t *testing.T) int { return memfd(t, size) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			testenv.Leaks(t)
			b := startBroker(t, broker.Options{})
			victim := join(t, b)
			defer victim.Close()
			l := newLiar(t, b, victim.ID())
			l.hello()
			failed := make(chan error)
			go func() {
				_, err := victim.Map(l.id, []platform.GrantRef{3}, platform.ReadWrite)
				failed <- err
			}()
			q, _ := l.receive(l.link)
			c.say.ID = q.ID
			var fds []int
			if c.fd != nil {
				fds = []int{c.fd(t)}
			}
			l.send(l.link, proto.Msg{Op: proto.Bound, ID: q.ID + 1}) // nobody asked
			l.send(l.link, c.say, fds...)
			if err := <-failed; err == nil {
				t.Error("Map succeeded")
			}
			l.send(l.link, c.say, fds...) // twice
			worksWith(t, victim, b)
		})
	}
}

// TestSilentPeer: a peer that never answers doesn't hold us for ever.
func TestSilentPeer(t *testing.T) {
	testenv.Leaks(t)
	defer host.SetAnswerTime(50 * time.Millisecond)()
	b := startBroker(t, broker.Options{})
	victim := join(t, b)
	defer victim.Close()
	l := newLiar(t, b, victim.ID())
	if _, err := victim.Bind(l.id, 1); !errors.Is(err, platform.ErrPeerGone) {
		t.Errorf("Bind before the hello: %v", err)
	}
	l.hello()
	if _, err := victim.Bind(l.id, 1); !errors.Is(err, platform.ErrPeerGone) {
		t.Errorf("Bind: %v", err)
	}
	if _, err := victim.Map(l.id, []platform.GrantRef{3}, platform.ReadOnly); !errors.Is(err, platform.ErrPeerGone) {
		t.Errorf("Map: %v", err)
	}
}

// TestHostileBind: ports that aren't the liar's to bind are refused, and the link
// goes on.
func TestHostileBind(t *testing.T) {
	testenv.Leaks(t)
	b := startBroker(t, broker.Options{})
	victim, third := join(t, b), join(t, b)
	defer victim.Close()
	defer third.Close()
	foreign, err := victim.Listen(third.ID())
	if err != nil {
		t.Fatal(err)
	}
	l := newLiar(t, b, victim.ID())
	l.hello()
	own, err := victim.Listen(l.id)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		a, b uint32
		want proto.Status
	}{
		{0, 1, proto.BadPort},
		{uint32(foreign.Port()), 1, proto.BadPort},
		{1 << 31, 1, proto.BadPort},
		{uint32(own.Port()), 0, proto.BadPort},
		{uint32(own.Port()), 1 << 17, proto.BadPort},
		{uint32(own.Port()), 1<<17 - 1, proto.OK},
		{uint32(own.Port()), 2, proto.BadPort},
	} {
		l.send(l.link, proto.Msg{Op: proto.Bind, ID: uint32(i), A: c.a, B: c.b})
		if m, _ := l.receive(l.link); m.Op != proto.Bound || m.ID != uint32(i) || m.Status != c.want {
			t.Errorf("bind %#x to %#x: %+v, want status %d", c.a, c.b, m, c.want)
		}
	}
	own.Notify()
	worksWith(t, victim, b)
}

// TestHostileEvents: the peer writes whatever it likes to the memory that it rings us
// through. Waits return or sleep; Wake and Close get through.
func TestHostileEvents(t *testing.T) {
	const bell = 128
	for _, c := range []struct {
		name  string
		write func(m shm.Memory, r *rand.Rand)
	}{
		{"noise", func(m shm.Memory, r *rand.Rand) {
			m.Store32(r.IntN(m.Len()/4)*4, r.Uint32())
			m.Store32(r.IntN(256)*4, r.Uint32())
		}},
		{"the bell is held", func(m shm.Memory, _ *rand.Rand) { m.Store32(bell, 1) }},
		{"the bell rings on", func(m shm.Memory, _ *rand.Rand) {
			m.Store32(bell, 0)
			sys.FutexWake(m.Unstable()[bell:])
		}},
		{"cycles", func(m shm.Memory, r *rand.Rand) {
			port := uint32(1 + r.IntN(64))
			m.Store32(shm.PageSize+int(port)*4, 1<<31|1<<29|port)
			m.Store32(8+r.IntN(16)*4, port)
			m.Store32(0, r.Uint32())
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			testenv.Leaks(t)
			b := startBroker(t, broker.Options{})
			victim := join(t, b)
			defer victim.Close()
			l := newLiar(t, b, victim.ID())
			l.hello()
			var stop atomic.Bool
			var busy sync.WaitGroup
			busy.Go(func() {
				r := rand.New(rand.NewPCG(1, 2))
				for m := shm.Of(l.bells); !stop.Load(); {
					c.write(m, r)
				}
			})
			defer busy.Wait()
			defer stop.Store(true)
			for range 3 {
				ch, err := victim.Listen(l.id)
				if err != nil {
					t.Fatal(err)
				}
				ended := make(chan error)
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
				time.Sleep(10 * time.Millisecond)
				ch.Wake()
				<-woken
				time.Sleep(10 * time.Millisecond)
				ch.Close()
				if err := <-ended; !errors.Is(err, platform.ErrClosed) {
					t.Errorf("Wait: %v", err)
				}
			}
			worksWith(t, victim, b)
		})
	}
}
