//go:build linux

package sys

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/shm"
)

const size = 8 * 4096

func memfd(t *testing.T) int {
	t.Helper()
	fd, err := Memfd("test", size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func mapped(t *testing.T, fd int, write bool) []byte {
	t.Helper()
	b, err := Map(fd, 0, size, write)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Unmap(b) })
	return b
}

func TestMemfdIsSealed(t *testing.T) {
	testenv.Leaks(t)
	fd := memfd(t)
	for _, n := range []int64{4096, size + 4096} {
		if err := unix.Ftruncate(fd, n); !errors.Is(err, unix.EPERM) {
			t.Errorf("making it %d bytes long: %v, want EPERM", n, err)
		}
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("flags %#x, %v: not close-on-exec", flags, err)
	}
}

// TestSealMemfd: who has it mapped goes on; nobody else can write to it, and nobody can take
// a page away from it.
func TestSealMemfd(t *testing.T) {
	testenv.Leaks(t)
	fd := memfd(t)
	w := mapped(t, fd, true)
	w[4096] = 7
	if err := SealMemfd(fd); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"punching a hole": unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, size),
		"MADV_REMOVE":     unix.Madvise(w, unix.MADV_REMOVE),
		"another seal":    SealMemfd(fd),
	} {
		if !errors.Is(err, unix.EPERM) {
			t.Errorf("%s: %v, want EPERM", what, err)
		}
	}
	if b, err := Map(fd, 0, size, true); err == nil {
		Unmap(b)
		t.Error("it can be mapped writable")
	}
	r := mapped(t, fd, false)
	if err := unix.Mprotect(r, unix.PROT_READ|unix.PROT_WRITE); !errors.Is(err, unix.EACCES) {
		t.Errorf("making a mapping writable: %v, want EACCES", err)
	}
	w[4097] = 8
	if r[4096] != 7 || r[4097] != 8 {
		t.Errorf("a reader sees %v", r[4096:4098])
	}
	if err := Populate(w[2*4096:]); err != nil {
		t.Errorf("giving it more pages: %v", err)
	}
}

// TestResident: a page that nobody has touched is told from one that is there, and isn't
// made by the question.
func TestResident(t *testing.T) {
	testenv.Leaks(t)
	fd := memfd(t)
	w, r := mapped(t, fd, true), mapped(t, fd, false)
	if err := Populate(w[2*4096 : 4*4096]); err != nil {
		t.Fatal(err)
	}
	w[7*4096] = 0
	for _, b := range [][]byte{w, r} {
		for i, want := range []bool{false, false, true, true, false, false, false, true} {
			have := make([]bool, 8)
			if err := Resident(b, have, i); err != nil || have[i] != want {
				t.Errorf("page %d: %v, %v; want %v", i, have[i], err, want)
			}
		}
	}
}

// TestAlias: memory is mapped once more, moved and made private without a descriptor.
func TestAlias(t *testing.T) {
	testenv.Leaks(t)
	fd := memfd(t)
	a, b := mapped(t, fd, true), mapped(t, fd, true)
	second := a[4096:8192]
	second[0], a[0], a[8192] = 1, 2, 3
	alias, err := Alias(second)
	if err != nil {
		t.Fatal(err)
	}
	if err := MapZerosOver(second); err != nil {
		t.Fatal(err)
	}
	second[0] = 9
	if alias[0] != 1 || b[4096] != 1 || a[0] != 2 || a[8192] != 3 {
		t.Error("zeros in one place show in another")
	}
	if err := MoveOver(second, alias); err != nil {
		t.Fatal(err)
	}
	if second[0] != 1 {
		t.Errorf("moved back, the page holds %d", second[0])
	}
	row, err := MapNothing(2 * 4096)
	if err != nil {
		t.Fatal(err)
	}
	defer Unmap(row)
	if err := errors.Join(AliasOver(row[:4096], a[8192:3*4096]), AliasOver(row[4096:], second)); err != nil {
		t.Fatal(err)
	}
	row[1] = 4
	if row[0] != 3 || row[4096] != 1 || b[8193] != 4 {
		t.Error("pages side by side aren't those of the file")
	}
	if err := MapCopyOver(second, fd, 4096); err != nil {
		t.Fatal(err)
	}
	b[4096], second[1] = 5, 6
	if second[0] != 1 || b[4097] != 0 {
		t.Error("a private copy shares")
	}
}

// eachWait calls f for FutexWait as the kernel has it, and as where it refuses.
func eachWait(t *testing.T, f func(t *testing.T)) {
	t.Run("waitv", f)
	t.Run("fallback", func(t *testing.T) {
		defer noWaitv.Store(noWaitv.Swap(true))
		f(t)
	})
}

func within(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s wasn't woken", what)
	}
}

// TestFutex: a sleeper in one mapping is woken through another.
func TestFutex(t *testing.T) {
	testenv.Leaks(t)
	eachWait(t, func(t *testing.T) {
		fd := memfd(t)
		a, b := mapped(t, fd, true), mapped(t, fd, true)
		own := new(atomic.Uint32)
		woken := make(chan struct{})
		go func() {
			defer close(woken)
			for shm.Of(a).Load32(64) == 0 {
				FutexWait(a[64:], 0, own)
			}
		}()
		time.Sleep(5 * time.Millisecond)
		shm.Of(b).Store32(64, 1)
		FutexWake(b[64:])
		within(t, "a sleeper", woken)
		FutexWait(a[64:], 0, own) // differs: returns at once
	})
}

// TestRequeue: who shares a word with a sleeper can move the sleeper to another word,
// and doesn't keep him by that.
func TestRequeue(t *testing.T) {
	testenv.Leaks(t)
	eachWait(t, func(t *testing.T) {
		a := mapped(t, memfd(t), true)
		own := new(atomic.Uint32)
		woken := make(chan struct{})
		go func() {
			defer close(woken)
			for own.Load() == 0 {
				FutexWait(a, 0, own)
			}
		}()
		for FutexMove(a, 0, a[4096:]) != 1 {
		}
		FutexWake(a) // reaches nobody
		own.Store(1)
		FutexWakeOwn(own)
		within(t, "a sleeper that was moved", woken)
	})
}

// packets returns two connected packets.
func packets(t *testing.T) (a, b *Packet) {
	t.Helper()
	x, y, err := Pair(unix.SOCK_SEQPACKET)
	if err != nil {
		t.Fatal(err)
	}
	packet := func(fd int) *Packet {
		p, err := NewPacket(os.NewFile(uintptr(fd), "packet"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		return p
	}
	return packet(x), packet(y)
}

func TestPacket(t *testing.T) {
	testenv.Leaks(t)
	a, b := packets(t)
	fd := memfd(t)
	for _, fds := range [][]int{nil, {fd}, {fd, fd, fd, fd}} {
		if err := a.Send([]byte("hello"), fds...); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 64)
		n, got, err := b.RecvFDs(buf)
		if err != nil || !bytes.Equal(buf[:n], []byte("hello")) || len(got) != len(fds) {
			t.Fatalf("%q with %d descriptors, %v; want %d", buf[:n], len(got), err, len(fds))
		}
		for _, fd := range got {
			if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
				t.Errorf("flags %#x, %v: not close-on-exec", flags, err)
			}
		}
		CloseAll(got)
	}
}

// TestPacketRefuses: what is too large is dropped whole, with its descriptors, and so is
// any descriptor where none is expected.
func TestPacketRefuses(t *testing.T) {
	testenv.Leaks(t)
	a, b := packets(t)
	fd := memfd(t)
	for _, c := range []struct {
		send func() error
		none bool
	}{
		{func() error { return a.Send(make([]byte, 65), fd) }, false},
		{func() error { return a.Send(make([]byte, 64), fd, fd, fd, fd, fd) }, false},
		{func() error { return a.Send(make([]byte, 64), make([]int, 250)...) }, false},
		{func() error { return a.Send(make([]byte, 64), fd) }, true},
		{func() error { return a.Send(make([]byte, 64), make([]int, 250)...) }, true},
	} {
		if err := c.send(); err != nil {
			t.Fatal(err)
		}
		recv := b.RecvFDs
		if c.none {
			recv = func(buf []byte) (int, []int, error) {
				n, err := b.Recv(buf)
				return n, nil, err
			}
		}
		if n, fds, err := recv(make([]byte, 64)); !errors.Is(err, ErrPacket) || n != 0 || fds != nil {
			t.Errorf("%d bytes, descriptors %v, %v; want ErrPacket", n, fds, err)
		}
	}
}

func TestPacketEnds(t *testing.T) {
	testenv.Leaks(t)
	a, _ := packets(t)
	full := error(nil)
	for range 1 << 20 {
		if full = a.Send(make([]byte, 64)); full != nil {
			break
		}
	}
	if !errors.Is(full, ErrFull) {
		t.Errorf("to a peer that doesn't read: %v", full)
	}
	blocked := make(chan error)
	go func() {
		_, err := a.Recv(make([]byte, 64))
		blocked <- err
	}()
	time.Sleep(10 * time.Millisecond)
	a.Close()
	if err := <-blocked; err == nil {
		t.Error("a blocked Recv survives Close")
	}
}

// TestPacketEOF: the end of the other side comes after what it has sent.
func TestPacketEOF(t *testing.T) {
	testenv.Leaks(t)
	a, b := packets(t)
	if err := a.Send([]byte("last")); err != nil {
		t.Fatal(err)
	}
	a.Close()
	if n, err := b.Recv(make([]byte, 64)); n != 4 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	if _, err := b.Recv(make([]byte, 64)); !errors.Is(err, io.EOF) {
		t.Errorf("then %v", err)
	}
}

// TestLifeline: each end tells of the other's, and nothing can be sent through it.
func TestLifeline(t *testing.T) {
	testenv.Leaks(t)
	for _, how := range []string{"close", "over"} {
		x, y, err := Lifeline()
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range []int{x, y} {
			if err := unix.Sendmsg(fd, []byte("x"), unix.UnixRights(0), nil, unix.MSG_NOSIGNAL); !errors.Is(err, unix.EPIPE) {
				t.Errorf("sending a descriptor: %v, want EPIPE", err)
			}
		}
		a, err := NewLine(x)
		if err != nil {
			t.Fatal(err)
		}
		b, err := NewLine(y)
		if err != nil {
			t.Fatal(err)
		}
		var over atomic.Bool
		told := make(chan struct{})
		go func() {
			defer close(told)
			a.Wait(over.Load)
		}()
		b.Nudge()
		select {
		case <-told:
			t.Error("told of an end that wasn't")
		case <-time.After(10 * time.Millisecond):
		}
		if how == "close" {
			b.Close()
		} else {
			over.Store(true)
			b.Nudge()
		}
		within(t, "the other end", told)
		b.Close()
		a.Close()
	}
}

// TestPeerProcess: a process is told from another, by whatever the kernel has.
func TestPeerProcess(t *testing.T) {
	testenv.Leaks(t)
	l, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	identify := func() (*unix.Ucred, *Process) {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		cred, err := PeerCred(c.(*net.UnixConn))
		if err != nil {
			t.Fatal(err)
		}
		p := PeerProcess(c.(*net.UnixConn), cred)
		if p == nil {
			t.Fatal("the kernel doesn't say who connected")
		}
		return cred, p
	}
	var us [2]*Process
	for i := range us {
		c, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var cred *unix.Ucred
		cred, us[i] = identify()
		defer us[i].Close()
		if int(cred.Pid) != os.Getpid() || int(cred.Uid) != os.Getuid() {
			t.Errorf("it says %+v of us", cred)
		}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestConnect$")
	cmd.Env = append(os.Environ(), "XENIDC_SYS_TEST_CONNECT="+l.Addr().String())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, other := identify()
	defer other.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if !us[0].Same(us[1], true) || us[0].Same(other, false) || us[0].Same(nil, true) || (*Process)(nil).Same(nil, true) {
		t.Error("processes are mixed up")
	}
	if other.lives() || !us[0].lives() {
		t.Error("who lives is mixed up")
	}
}

// TestConnect is the other process of TestPeerProcess.
func TestConnect(t *testing.T) {
	path := os.Getenv("XENIDC_SYS_TEST_CONNECT")
	if path == "" {
		return
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Read(make([]byte, 1))
}
