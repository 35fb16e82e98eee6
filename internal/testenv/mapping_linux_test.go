package testenv

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestMapping(t *testing.T) {
	before := Take(t)
	fd, err := unix.MemfdCreate("testenv", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Ftruncate(fd, 8192); err != nil {
		t.Fatal(err)
	}
	b, err := unix.Mmap(fd, 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	want(t, before.Leaked(t, 0), "/memfd:testenv")
	if err := unix.Munmap(b); err != nil {
		t.Fatal(err)
	}
	if leaked := before.Leaked(t, 0); leaked != nil {
		t.Errorf("still there: %q", leaked)
	}
}
