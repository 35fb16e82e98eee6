//go:build linux

package sys

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
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
	if err := CheckMemfd(fd, size); err != nil {
		t.Errorf("our own: %v", err)
	}
	if err := unix.Ftruncate(fd, 4096); !errors.Is(err, unix.EPERM) {
		t.Errorf("shrinking it: %v, want EPERM", err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE); !errors.Is(err, unix.EPERM) {
		t.Errorf("sealing it further: %v, want EPERM", err)
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("flags %#x, %v: not close-on-exec", flags, err)
	}
}

func TestCheckMemfdRefuses(t *testing.T) {
	testenv.Leaks(t)
	fd := memfd(t)
	plain, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	soft, err := unix.MemfdCreate("soft", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(soft)
	if err := unix.Ftruncate(soft, size); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct{ fd, size int }{
		"another size":  {fd, size + 4096},
		"a file":        {int(plain.Fd()), 0},
		"unsealed":      {soft, size},
		"no descriptor": {-1, size},
	} {
		if err := CheckMemfd(c.fd, c.size); !errors.Is(err, ErrNotShared) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestReadOnlyCopy: neither the descriptor nor, unless we are root, the file behind
// it can be written.
func TestReadOnlyCopy(t *testing.T) {
	testenv.Leaks(t)
	fd := memfd(t)
	w := mapped(t, fd, true)
	ro, err := ReadOnlyCopy(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(ro)
	if _, err := Map(ro, 0, size, true); !errors.Is(err, unix.EACCES) {
		t.Errorf("mapping it writable: %v, want EACCES", err)
	}
	r := mapped(t, ro, false)
	w[5] = 7
	if r[5] != 7 {
		t.Error("the copy doesn't share")
	}
	if err := unix.Mprotect(r, unix.PROT_READ|unix.PROT_WRITE); !errors.Is(err, unix.EACCES) {
		t.Errorf("mprotect: %v, want EACCES", err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(ro, &st); err != nil || st.Mode&0o777 != 0o400 {
		t.Errorf("mode %#o, %v; want 0400", st.Mode, err)
	}
	if os.Geteuid() != 0 {
		if _, err := unix.Open("/proc/self/fd/"+strconv.Itoa(ro), unix.O_RDWR, 0); !errors.Is(err, unix.EACCES) {
			t.Errorf("reopening it: %v, want EACCES", err)
		}
	}
}

func TestPunch(t *testing.T) {
	testenv.Leaks(t)
	fd := memfd(t)
	a, b := mapped(t, fd, true), mapped(t, fd, true)
	for i := range a {
		a[i] = 1
	}
	if err := MapZerosOver(a[4096:8192]); err != nil {
		t.Fatal(err)
	}
	if err := Punch(fd, 4096, 4096); err != nil {
		t.Fatal(err)
	}
	if b[4096] != 0 || b[4095] != 1 || b[8192] != 1 {
		t.Error("the hole isn't where it should be")
	}
	b[4096] = 9
	if a[4096] != 0 {
		t.Error("who punched sees what is written into the hole")
	}
	if err := MapOver(a[4096:8192], fd, 4096, true); err != nil {
		t.Fatal(err)
	}
	if a[4096] != 9 {
		t.Error("mapping over didn't bring the file back")
	}
	if err := Reserve(fd, 0, size); err != nil {
		t.Error(err)
	}
}

// TestFutex: a sleeper in one mapping is woken through another.
func TestFutex(t *testing.T) {
	testenv.Leaks(t)
	fd := memfd(t)
	a, b := mapped(t, fd, true), mapped(t, fd, true)
	const word = 64
	woken := make(chan struct{})
	go func() {
		defer close(woken)
		for shm.Of(a).Load32(word) == 0 {
			FutexWait(a[word:], 0)
		}
	}()
	time.Sleep(20 * time.Millisecond)
	shm.Of(b).Store32(word, 1)
	FutexWake(b[word:])
	select {
	case <-woken:
	case <-time.After(10 * time.Second):
		t.Fatal("nobody was woken")
	}
	FutexWait(a[word:], 0) // differs: returns at once
}

// packets returns two connected packets.
func packets(t *testing.T) (a, b *Packet) {
	t.Helper()
	x, y, err := Pair(unix.SOCK_SEQPACKET)
	if err != nil {
		t.Fatal(err)
	}
	if a, err = PacketOf(x); err != nil {
		t.Fatal(err)
	}
	if b, err = PacketOf(y); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
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
		n, got, err := b.Recv(buf)
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

// TestPacketRefuses: what is too large is dropped whole, with its descriptors.
func TestPacketRefuses(t *testing.T) {
	testenv.Leaks(t)
	a, b := packets(t)
	fd := memfd(t)
	for _, send := range []func() error{
		func() error { return a.Send(make([]byte, 65), fd) },
		func() error { return a.Send(make([]byte, 64), fd, fd, fd, fd, fd) },
		func() error { return a.Send(make([]byte, 64), make([]int, 250)...) },
	} {
		if err := send(); err != nil {
			t.Fatal(err)
		}
		if n, fds, err := b.Recv(make([]byte, 64)); !errors.Is(err, ErrPacket) || n != 0 || fds != nil {
			t.Errorf("%d bytes, descriptors %v, %v; want ErrPacket", n, fds, err)
		}
	}
}

func TestPacketEnds(t *testing.T) {
	testenv.Leaks(t)
	a, b := packets(t)
	full := error(nil)
	for range 1 << 20 {
		if full = a.Send(make([]byte, 64)); full != nil {
			break
		}
	}
	if !errors.Is(full, ErrFull) {
		t.Errorf("to a peer that doesn't read: %v", full)
	}
	a.CloseWrite()
	for {
		_, _, err := b.Recv(make([]byte, 64))
		if err == nil {
			continue
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("after CloseWrite: %v", err)
		}
		break
	}
	blocked := make(chan error)
	go func() {
		_, _, err := a.Recv(make([]byte, 64))
		blocked <- err
	}()
	time.Sleep(10 * time.Millisecond)
	a.Close()
	if err := <-blocked; err == nil {
		t.Error("a blocked Recv survives Close")
	}
}
