package testenv

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// want fails unless one leak was found and it says what.
func want(t *testing.T, leaked []string, what string) {
	t.Helper()
	if len(leaked) != 1 || !strings.Contains(leaked[0], what) {
		t.Errorf("leaks %q, want one of %s", leaked, what)
	}
}

func TestNothingLeaks(t *testing.T) {
	Leaks(t)
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	go time.Sleep(10 * time.Millisecond)
}

func TestGoroutine(t *testing.T) {
	before := Take(t)
	stop := make(chan struct{})
	go func() { <-stop }()
	want(t, before.Leaked(t, 20*time.Millisecond), "TestGoroutine")
	close(stop)
	if leaked := before.Leaked(t, settle); leaked != nil {
		t.Errorf("still there: %q", leaked)
	}
}

func TestDescriptor(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("descriptors are looked up in Linux's /proc")
	}
	before := Take(t)
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	want(t, before.Leaked(t, 0), os.DevNull)
	f.Close()
	if leaked := before.Leaked(t, 0); leaked != nil {
		t.Errorf("still there: %q", leaked)
	}
}

func TestParseMapping(t *testing.T) {
	for line, size := range map[string]int{
		"7f0000000000-7f0000004000 rw-s 00000000 00:01 1234   /memfd:arena (deleted)\n": 0x4000,
		"7f0000000000-7f0000001000 rw-s 00000000 00:06 99     /dev/xen/gntdev\n":        0x1000,
		"7f0000000000-7f0000001000 r-xp 00000000 00:06 99     /usr/lib/libc.so\n":       0,
		"7f0000000000-7f0000001000 rw-p 00000000 00:00 0\n":                             0,
		"zz-7f0000001000 rw-s 00000000 00:06 99 /memfd:x\n":                             0,
		"": 0,
	} {
		if _, got, _ := parseMapping(line); got != size {
			t.Errorf("%q: %d bytes, want %d", line, got, size)
		}
	}
}
