//go:build linux

package broker_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host/broker"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
)

func startBroker(t *testing.T, opts broker.Options) *broker.Broker {
	t.Helper()
	testenv.Leaks(t)
	b, err := broker.Start(filepath.Join(t.TempDir(), "s"), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// dial connects to the control socket.
func dial(t *testing.T, b *broker.Broker) *sys.Packet {
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

func send(t *testing.T, p *sys.Packet, m proto.Msg, fds ...int) {
	t.Helper()
	if err := p.Send(m.Append(nil), fds...); err != nil {
		t.Fatal(err)
	}
}

// receive returns the next message, having closed its descriptors.
func receive(t *testing.T, p *sys.Packet) (proto.Msg, int) {
	t.Helper()
	late := time.AfterFunc(10*time.Second, func() { p.Close() })
	defer late.Stop()
	var buf [proto.MaxSize]byte
	n, fds, err := p.RecvFDs(buf[:])
	if err != nil {
		t.Fatal(err)
	}
	sys.CloseAll(fds)
	m, err := proto.Parse(buf[:n])
	if err != nil {
		t.Fatal(err)
	}
	return m, len(fds)
}

// join joins and returns the number.
func join(t *testing.T, p *sys.Packet) platform.DomID {
	t.Helper()
	send(t, p, proto.Msg{Op: proto.Join, A: proto.Version, C: 4096, Name: "test"})
	m, _ := receive(t, p)
	if m.Op != proto.Welcome || m.Status != proto.OK {
		t.Fatalf("join: %+v", m)
	}
	return platform.DomID(m.A)
}

// wantDropped fails unless the broker hangs up.
func wantDropped(t *testing.T, p *sys.Packet) {
	t.Helper()
	late := time.AfterFunc(10*time.Second, func() { p.Close() })
	defer late.Stop()
	for {
		var buf [proto.MaxSize]byte
		_, fds, err := p.RecvFDs(buf[:])
		sys.CloseAll(fds)
		if errors.Is(err, os.ErrClosed) || errors.Is(err, net.ErrClosed) {
			t.Fatal("the broker didn't hang up")
		}
		if err != nil {
			return
		}
	}
}

func TestSocket(t *testing.T) {
	b := startBroker(t, broker.Options{})
	for _, path := range []string{b.Path(), b.Path() + proto.ControlSuffix} {
		fi, err := os.Stat(path)
		if err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want mode 0600", path, fi, err)
		}
	}
	if _, err := broker.Start(b.Path(), broker.Options{}); !errors.Is(err, broker.ErrRunning) {
		t.Errorf("a second broker: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(b.Path() + "*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestStale: what a dead broker left is replaced; what isn't a broker's is not.
func TestStale(t *testing.T) {
	testenv.Leaks(t)
	path := filepath.Join(t.TempDir(), "s")
	for _, p := range []string{path, path + proto.ControlSuffix} {
		network := "unix"
		if p != path {
			network = "unixpacket"
		}
		l, err := net.Listen(network, p)
		if err != nil {
			t.Fatal(err)
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		l.Close()
	}
	if err := os.WriteFile(path+proto.LockSuffix, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := broker.Start(path, broker.Options{})
	if err != nil {
		t.Fatalf("over a dead broker's sockets: %v", err)
	}
	b.Close()

	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := broker.Start(path, broker.Options{}); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("over a file: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := broker.Start(path, broker.Options{}); !errors.Is(err, broker.ErrRunning) {
		t.Errorf("over another program's socket: %v", err)
	}
}

func TestNoDirectory(t *testing.T) {
	testenv.Leaks(t)
	if _, err := broker.Start(filepath.Join(t.TempDir(), "no", "s"), broker.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without the directory: %v", err)
	}
}

func TestNumbers(t *testing.T) {
	b := startBroker(t, broker.Options{})
	first, second := dial(t, b), dial(t, b)
	if a, c := join(t, first), join(t, second); a != 1 || c != 2 {
		t.Errorf("numbers %d and %d", a, c)
	}
	send(t, first, proto.Msg{Op: proto.Leave})
	wantDropped(t, first)
	if b.Domains() != 1 {
		t.Errorf("%d domains once one has left", b.Domains())
	}
	third := dial(t, b)
	if id := join(t, third); id != 3 {
		t.Errorf("number %d after domain 1 left, want a fresh one", id)
	}
	send(t, third, proto.Msg{Op: proto.Link, ID: 5, A: 1})
	if m, _ := receive(t, third); m.Status != proto.Ended || m.ID != 5 {
		t.Errorf("a link with who left: %+v", m)
	}
}

// note receives a notice with so many descriptors, and answers it.
func note(t *testing.T, p *sys.Packet, want proto.Op, fds int) proto.Msg {
	t.Helper()
	m, n := receive(t, p)
	if m.Op != want || n != fds {
		t.Fatalf("notice %+v with %d descriptors, want %d with %d", m, n, want, fds)
	}
	send(t, p, proto.Msg{Op: proto.Noted, A: m.A})
	return m
}

// linkUp has x ask for a link with y, whose numbers are given.
func linkUp(t *testing.T, x, y *sys.Packet, xid, yid platform.DomID) {
	t.Helper()
	send(t, x, proto.Msg{Op: proto.Link, ID: 9, A: uint32(yid)})
	note(t, x, proto.Peer, 3)
	note(t, y, proto.Peer, 4)
	note(t, x, proto.Ready, 1)
	if m, _ := receive(t, x); m.Op != proto.Linked || m.Status != proto.OK || m.ID != 9 {
		t.Fatalf("linked: %+v", m)
	}
	note(t, y, proto.Ready, 0)
}

// TestIntroductions: who asked for a domain that wasn't there is linked when it comes,
// and a pair is linked once.
func TestIntroductions(t *testing.T) {
	b := startBroker(t, broker.Options{})
	x, y := dial(t, b), dial(t, b)
	join(t, x)
	send(t, x, proto.Msg{Op: proto.Link, ID: 1, A: 2})
	if m := note(t, x, proto.Peer, 3); m.A != 2 || m.Flags != proto.First {
		t.Errorf("the one that asked is told %+v", m)
	}
	if m, _ := receive(t, x); m.Status != proto.NoDomain || m.ID != 1 {
		t.Errorf("before it joined: %+v", m)
	}
	join(t, y)
	if m := note(t, y, proto.Peer, 4); m.A != 1 || m.Flags != 0 {
		t.Errorf("the other one is told %+v", m)
	}
	for p, fds := range map[*sys.Packet]int{x: 1, y: 0} {
		if m := note(t, p, proto.Ready, fds); int(m.B) != os.Getpid() || int(m.C) != os.Getuid() || int(m.D) != os.Getgid() {
			t.Errorf("who the other is: %+v", m)
		}
	}
	send(t, y, proto.Msg{Op: proto.Link, ID: 2, A: 1})
	if m, fds := receive(t, y); m.Op != proto.Linked || m.Status != proto.OK || fds != 0 {
		t.Errorf("a second link of the pair: %+v with %d descriptors", m, fds)
	}
	for _, id := range []uint32{0, 2, uint32(platform.FirstReserved), 1 << 16, 1<<16 + 1} {
		send(t, y, proto.Msg{Op: proto.Link, ID: 3, A: id})
		if m, _ := receive(t, y); m.Status != proto.NoDomain {
			t.Errorf("link with %d: %+v", id, m)
		}
	}
	send(t, x, proto.Msg{Op: proto.Leave})
	if m := note(t, y, proto.Gone, 0); m.A != 1 {
		t.Errorf("told of the end of %d", m.A)
	}
}

// TestSilent: who asks for a domain that doesn't answer hears so in time, and isn't kept
// from others; when it does answer, they are linked.
func TestSilent(t *testing.T) {
	b := startBroker(t, broker.Options{})
	x, y, z := dial(t, b), dial(t, b), dial(t, b)
	join(t, x)
	join(t, y)
	join(t, z)
	begun := time.Now()
	send(t, x, proto.Msg{Op: proto.Link, ID: 1, A: 2})
	note(t, x, proto.Peer, 3)
	linkUp(t, x, z, 1, 3)
	if m, _ := receive(t, x); m.Op != proto.Linked || m.ID != 1 || m.Status != proto.Silent {
		t.Errorf("after %v: %+v", time.Since(begun), m)
	}
	note(t, y, proto.Peer, 4)
	note(t, y, proto.Ready, 0)
	note(t, x, proto.Ready, 1)
	send(t, x, proto.Msg{Op: proto.Link, ID: 2, A: 2})
	if m, _ := receive(t, x); m.ID != 2 || m.Status != proto.OK {
		t.Errorf("later: %+v", m)
	}
}

// TestNotices: however many others make links with a domain that reads nothing, and
// leave, it is neither dropped nor are more of their descriptors on their way than a few.
func TestNotices(t *testing.T) {
	b := startBroker(t, broker.Options{})
	victim := dial(t, b)
	join(t, victim)
	const others = 600
	for range others {
		p := dial(t, b)
		join(t, p)
		send(t, p, proto.Msg{Op: proto.Link, ID: 1, A: 1})
		note(t, p, proto.Peer, 3)
		send(t, p, proto.Msg{Op: proto.Leave})
		wantDropped(t, p)
		p.Close()
	}
	// Of those that have left it needn't hear, but for the few that it was told of.
	send(t, victim, proto.Msg{Op: proto.Store, ID: 7})
	told := 0
	for {
		if m, _ := receive(t, victim); m.Op == proto.StoreIs {
			break
		}
		told++
	}
	if told > proto.Window {
		t.Errorf("%d notices were sent to who doesn't answer", told)
	}
	for range told {
		send(t, victim, proto.Msg{Op: proto.Noted})
	}
	last := dial(t, b)
	id := join(t, last)
	send(t, last, proto.Msg{Op: proto.Link, ID: 9, A: 1})
	note(t, last, proto.Peer, 3)
	for {
		m, _ := receive(t, victim)
		if told++; told > 4*proto.Window {
			t.Fatalf("it is told of those that have left before: %d notices", told)
		}
		send(t, victim, proto.Msg{Op: proto.Noted})
		if m.Op == proto.Ready && m.A == uint32(id) {
			break
		}
	}
}

func TestLimits(t *testing.T) {
	b := startBroker(t, broker.Options{MaxDomains: 3, MaxLinks: 1, MaxStores: 2})
	x, y, z := dial(t, b), dial(t, b), dial(t, b)
	join(t, x)
	join(t, y)
	join(t, z)
	fourth := dial(t, b)
	send(t, fourth, proto.Msg{Op: proto.Join, A: proto.Version})
	if m, _ := receive(t, fourth); m.Status != proto.NoSpace {
		t.Errorf("a fourth domain: %+v", m)
	}
	wantDropped(t, fourth)
	linkUp(t, x, y, 1, 2)
	send(t, x, proto.Msg{Op: proto.Link, A: 3})
	if m, _ := receive(t, x); m.Status != proto.NoSpace {
		t.Errorf("a second link: %+v", m)
	}
	var held []int
	defer func() { sys.CloseAll(held) }()
	for i, want := range []proto.Status{proto.OK, proto.OK, proto.NoSpace} {
		send(t, z, proto.Msg{Op: proto.Store, ID: uint32(i)})
		var buf [proto.MaxSize]byte
		n, fds, err := z.RecvFDs(buf[:])
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, fds...)
		if m, _ := proto.Parse(buf[:n]); m.Status != want || m.ID != uint32(i) {
			t.Errorf("store connection %d: %+v, want status %d", i, m, want)
		}
	}
}

// TestHostileClients: each costs its own connection.
func TestHostileClients(t *testing.T) {
	b := startBroker(t, broker.Options{})
	honest := dial(t, b)
	join(t, honest)
	for _, c := range []struct {
		name   string
		joined bool
		do     func(p *sys.Packet)
	}{
		{"garbage first", false, func(p *sys.Packet) { _ = p.Send([]byte("hello?")) }},
		{"no join", false, func(p *sys.Packet) { send(t, p, proto.Msg{Op: proto.Link, A: 1}) }},
		{"another version", false, func(p *sys.Packet) { send(t, p, proto.Msg{Op: proto.Join, A: 99}) }},
		{"a long name", false, func(p *sys.Packet) {
			send(t, p, proto.Msg{Op: proto.Join, A: proto.Version, Name: strings.Repeat("x", 100)})
		}},
		{"a second join", true, func(p *sys.Packet) { send(t, p, proto.Msg{Op: proto.Join, A: proto.Version}) }},
		{"a descriptor", true, func(p *sys.Packet) { sendRights(t, p, 1) }},
		{"many descriptors", true, func(p *sys.Packet) { sendRights(t, p, 100) }},
		{"an unknown message", true, func(p *sys.Packet) { send(t, p, proto.Msg{Op: 77}) }},
		{"an answer to nothing", true, func(p *sys.Packet) { send(t, p, proto.Msg{Op: proto.Noted}) }},
		{"questions without waiting", true, func(p *sys.Packet) {
			for range proto.MaxQuestions + 2 { // the first makes a link, which it then doesn't note
				_ = p.Send(proto.Msg{Op: proto.Link, A: 1}.Append(nil)) // it may have been dropped
			}
		}},
		{"a name where none belongs", true, func(p *sys.Packet) { send(t, p, proto.Msg{Op: proto.Link, Name: "x"}) }},
		{"questions without reading", true, func(p *sys.Packet) {
			for range 100000 {
				if err := p.Send(proto.Msg{Op: proto.Link, A: 1}.Append(nil)); err != nil && !errors.Is(err, sys.ErrFull) {
					return
				}
			}
		}},
	} {
		p := dial(t, b)
		if c.joined {
			join(t, p)
		}
		c.do(p)
		wantDropped(t, p)
		p.Close()
	}
	send(t, honest, proto.Msg{Op: proto.Store})
	for { // introductions by the others come first
		m, fds := receive(t, honest)
		if m.Op == proto.StoreIs {
			if fds != 1 {
				t.Errorf("the honest one gets %+v", m)
			}
			break
		}
	}
}

// sendRights sends descriptors. Where the kernel refuses to, which is as good, it breaks the
// protocol in another way.
func sendRights(t *testing.T, p *sys.Packet, n int) {
	t.Helper()
	err := p.Send(proto.Msg{Op: proto.Link, A: 1}.Append(nil), make([]int, n)...)
	if errors.Is(err, unix.EPERM) {
		err = p.Send([]byte("hello?"))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestStoreGarbage: the store's socket, too.
func TestStoreGarbage(t *testing.T) {
	b := startBroker(t, broker.Options{})
	for range 5 {
		c, err := net.Dial("unix", b.Path())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte(strings.Repeat("\xff", 100)))
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		for {
			if _, err := c.Read(make([]byte, 4096)); err != nil {
				if errors.Is(err, os.ErrDeadlineExceeded) {
					t.Error("the connection stays")
				}
				break
			}
		}
		c.Close()
	}
}

// TestCloseWithClients: Close doesn't wait for clients to go.
func TestCloseWithClients(t *testing.T) {
	b := startBroker(t, broker.Options{})
	joined, silent := dial(t, b), dial(t, b)
	join(t, joined)
	send(t, joined, proto.Msg{Op: proto.Store})
	m, _ := receive(t, joined)
	if m.Op != proto.StoreIs {
		t.Fatalf("%+v", m)
	}
	c, err := net.Dial("unix", b.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b.Close()
	wantDropped(t, joined)
	wantDropped(t, silent)
	if _, err := net.Dial("unix", b.Path()); !errors.Is(err, unix.ENOENT) {
		t.Errorf("dial after Close: %v", err)
	}
}
