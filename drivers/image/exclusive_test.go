//go:build linux

package image

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/internal/testenv"
)

// loop makes a loop device of a file, for as long as the test runs.
func loop(t *testing.T, path string, flags uint32) string {
	t.Helper()
	control, err := unix.Open("/dev/loop-control", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) {
		t.Skip("who may not make loop devices can't test block devices:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(control)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for {
		n, err := unix.IoctlRetInt(control, unix.LOOP_CTL_GET_FREE)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("/dev/loop%d", n)
		fd, err := unix.Open(name, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		config := unix.LoopConfig{Fd: uint32(file.Fd()), Info: unix.LoopInfo64{Flags: flags}}
		err = unix.IoctlLoopConfigure(fd, &config)
		if err == nil {
			t.Cleanup(func() {
				unix.IoctlSetInt(fd, unix.LOOP_CLR_FD, 0)
				unix.Close(fd)
			})
			return name
		}
		unix.Close(fd)
		if !errors.Is(err, unix.EBUSY) { // somebody else was faster
			t.Fatal(err)
		}
	}
}

// TestExclusive has a file, its loop device and another node of that: each is refused
// while one of them is open, unless it is to be shared.
func TestExclusive(t *testing.T) {
	testenv.Leaks(t)
	dir := t.TempDir()
	file, hard, sym, node := filepath.Join(dir, "file"), filepath.Join(dir, "hard"), filepath.Join(dir, "sym"), filepath.Join(dir, "node")
	if err := errors.Join(Create(file, mib), os.Link(file, hard), os.Symlink(file, sym)); err != nil {
		t.Fatal(err)
	}
	device := loop(t, file, 0)
	var st unix.Stat_t
	if err := unix.Stat(device, &st); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mknod(node, unix.S_IFBLK|0o600, int(st.Rdev)); err != nil {
		t.Fatal(err)
	}
	names := []string{file, hard, sym, device, node}
	for _, first := range names {
		for _, readOnly := range []bool{false, true} {
			open, err := Open(first, Options{ReadOnly: readOnly})
			if err != nil {
				t.Fatalf("%s: %v", first, err)
			}
			for _, second := range names {
				if img, err := Open(second, Options{}); !errors.Is(err, ErrInUse) {
					t.Errorf("%s while %s is open (read-only %v): %v", second, first, readOnly, err)
					img.Close()
				}
			}
			shared, err := Open(first, Options{Shared: true})
			if err != nil {
				t.Errorf("%s, shared: %v", first, err)
			} else {
				shared.Close()
			}
			open.Close()
		}
	}
}

// TestDeviceHoles discards on a block device that makes zeros of it.
func TestDeviceHoles(t *testing.T) {
	testenv.Leaks(t)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, bytes.Repeat([]byte{7}, mib), 0o600); err != nil {
		t.Fatal(err)
	}
	img, err := Open(loop(t, path, 0), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	if !img.DiscardZeroes() || img.CanExtents() || img.Size() != mib {
		t.Fatalf("zeros %v, extents %v, %d bytes", img.DiscardZeroes(), img.CanExtents(), img.Size())
	}
	if err := img.Discard(64<<10, 512<<10); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, mib)
	if err := img.ReadAt([][]byte{got}, 0); err != nil {
		t.Fatal(err)
	}
	if slices.Max(got[64<<10:][:512<<10]) != 0 || got[64<<10-1] != 7 || got[576<<10] != 7 {
		t.Error("the device holds something else")
	}
	if err := img.Flush(); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Blocks > (mib-512<<10)/512+16 {
		t.Errorf("the file still has %d blocks, %v", st.Blocks, err)
	}
}
