//go:build linux

package broker

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
	"github.com/xenidc/idc/runtime/store"
)

func started(t *testing.T, opts Options) *Broker {
	t.Helper()
	testenv.Leaks(t)
	b, err := Start(filepath.Join(t.TempDir(), "s"), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// TestTurns: while something is done for one user, nothing else is for him, and others
// don't notice.
func TestTurns(t *testing.T) {
	b := started(t, Options{})
	turnOf := func(uid uint32) paced {
		b.mu.Lock()
		defer b.mu.Unlock()
		return paced{u: b.userOfLocked(uid)}
	}
	conn, err := net.Dial("unix", b.Path())
	if err != nil {
		t.Fatal(err)
	}
	c := store.NewClient(conn)
	defer c.Close()
	stranger, own := turnOf(4711), turnOf(uint32(os.Geteuid()))
	stranger.Begin()
	if _, err := c.List(t.Context(), store.NoTx, "/"); err != nil {
		t.Error(err)
	}
	own.Begin()
	answered := make(chan error, 1)
	go func() {
		_, err := c.List(t.Context(), store.NoTx, "/")
		answered <- err
	}()
	select {
	case err := <-answered:
		t.Errorf("answered out of turn: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	own.End()
	if err := <-answered; err != nil {
		t.Error(err)
	}
	stranger.End()
}

// TestShare: one user's domains get a quarter of another's links, and a user's own as
// many as there are.
func TestShare(t *testing.T) {
	domain := func(id platform.DomID, uid uint32) *client {
		return &client{
			id: id, who: who{uid: uid}, room: 16,
			pairs: map[platform.DomID]*pair{}, byUser: map[uint32]int{},
		}
	}
	victim := domain(1, 1000)
	link := func(other *client) bool {
		if !victim.fitsLocked(other) {
			return false
		}
		victim.addPair(&pair{sides: [2]*client{victim, other}, ids: [2]platform.DomID{1, other.id}}, 0)
		return true
	}
	count := func(uid uint32) (n int) {
		for i := range 20 {
			if link(domain(platform.DomID(100+int(uid)*100+i), uid)) {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		uid  uint32
		want int
	}{{1001, 4}, {1002, 4}, {1001, 0}, {1000, 8}, {0, 0}} {
		if n := count(c.uid); n != c.want {
			t.Errorf("user %d got %d links, want %d", c.uid, n, c.want)
		}
	}
}

// TestStrangerInside: a number alone is nobody, and neither is a process of another user.
func TestStrangerInside(t *testing.T) {
	b := started(t, Options{})
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "l"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	identified := func() who {
		c, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		w, err := identify(s.(*net.UnixConn))
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	x, y := identified(), identified()
	defer x.process.Close()
	defer y.process.Close()
	if !x.is(y) {
		t.Error("a process isn't itself")
	}
	other := y
	other.uid++
	for what, pair := range map[string][2]who{
		"another user":                   {x, other},
		"numbers without processes":      {{pid: x.pid, uid: x.uid}, {pid: x.pid, uid: x.uid}},
		"processes of other name spaces": {{uid: x.uid}, {uid: x.uid}},
	} {
		if pair[0].is(pair[1]) {
			t.Errorf("%s are taken for one process", what)
		}
	}
	if _, ok := b.domainOf(x); ok {
		t.Error("a process that never joined is a domain")
	}
}

// TestLogs: what one user does fills no log, and what others do is said all the same.
func TestLogs(t *testing.T) {
	var out bytes.Buffer
	l := newLogger(slog.New(slog.NewTextHandler(&out, nil)))
	for range 100000 {
		l.note(who{uid: 1}, "connection refused")
	}
	l.note(who{uid: 2}, "connection refused")
	l.note(who{uid: 1}, "join refused")
	if n := strings.Count(out.String(), "\n"); n != logBurst+2 {
		t.Errorf("%d lines", n)
	}
	l.causes[cause{"connection refused", 1}].since = time.Now().Add(-2 * logPause)
	l.note(who{uid: 1}, "connection refused")
	if last := out.String()[strings.LastIndex(strings.TrimSpace(out.String()), "\n"):]; !strings.Contains(last, "unsaid=99990") {
		t.Errorf("the last line is %s", last)
	}
	for uid := range uint32(3 * logKeys) {
		l.note(who{uid: uid}, "x")
	}
	if len(l.causes) > logKeys {
		t.Errorf("%d causes are kept", len(l.causes))
	}
}

// lingering returns a socket whose close blocks until free is called, or for a minute.
func lingering(t *testing.T) (fd int, free func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if fd, err = unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0); err == nil {
		err = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 60})
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	for err == nil { // until nothing more fits: it is unsent when the socket is closed
		_, err = unix.Write(fd, make([]byte, 1<<16))
	}
	if err = unix.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
	return fd, func() { far.Close() }
}

// TestLingering: sockets whose close blocks, sent where no descriptor belongs, block the
// thread that serves their sender. Others are served, nothing is left when they are
// closed, and the broker ends meanwhile.
func TestLingering(t *testing.T) {
	defer func(f func(int)) { refuseRights = f }(refuseRights)
	refuseRights = func(int) {} // as before Linux 6.16
	b := started(t, Options{})
	const senders = 8
	var frees []func()
	defer func() {
		for _, free := range frees {
			free()
		}
	}()
	before := pprof.Lookup("threadcreate").Count()
	b.mu.Lock()
	turn := paced{u: b.userOfLocked(uint32(os.Geteuid()))}
	b.mu.Unlock()
	for range senders {
		c, err := net.Dial("unixpacket", b.Path()+proto.ControlSuffix)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		p, err := sys.NewPacket(c.(*net.UnixConn))
		if err != nil {
			t.Fatal(err)
		}
		say := func(m proto.Msg, fds ...int) {
			if err := p.Send(m.Append(nil), fds...); err != nil {
				t.Fatal(err)
			}
		}
		say(proto.Msg{Op: proto.Join, A: proto.Version})
		if _, _, err := p.RecvFDs(make([]byte, proto.MaxSize)); err != nil {
			t.Fatal(err)
		}
		fd, free := lingering(t)
		frees = append(frees, free)
		turn.Begin() // the broker doesn't read on: the last of the socket is on its way
		say(proto.Msg{Op: proto.Link})
		time.Sleep(time.Millisecond)
		say(proto.Msg{Op: proto.Link}, fd)
		unix.Close(fd)
		turn.End()
	}
	time.Sleep(50 * time.Millisecond)
	conn, err := net.Dial("unix", b.Path())
	if err != nil {
		t.Fatal(err)
	}
	c := store.NewClient(conn)
	defer c.Close()
	if _, err := c.List(t.Context(), store.NoTx, "/local/domain"); err != nil {
		t.Errorf("the store, meanwhile: %v", err)
	}
	if n := pprof.Lookup("threadcreate").Count() - before; n > 4*senders {
		t.Errorf("%d threads for %d senders", n, senders)
	}
	began := time.Now()
	b.Close()
	if d := time.Since(began); d > 10*closeTime {
		t.Errorf("Close took %v", d)
	}
}
