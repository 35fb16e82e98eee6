//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMkfs makes a file system through NBD, and checks it in the image afterwards.
// nbdfuse turns the NBD server into a file, for mkfs to write to; the kernel needs no
// NBD driver for that.
func TestMkfs(t *testing.T) {
	need(t, "nbdfuse", "mkfs.ext4", "e2fsck", "debugfs")
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		missing(t, "FUSE can't be used here: %v", err)
	} else {
		f.Close()
	}
	sectorSizes(t, func(t *testing.T, flags ...string) {
		image := newImage(t, 256*mib)
		fill(t, image, 0, 256*mib) // mkfs must not find zeros that it didn't write
		before := storage(t, image)
		d := attach(t, image, flags...)
		file, unmount := mountFile(t, d)
		run(t, "mkfs.ext4", "-F", "-q", "-E", "discard", file)
		payload := randomFile(t, 20*mib)
		run(t, "debugfs", "-w", "-R", "write "+payload+" payload", file)
		unmount()
		d.stop()
		out := run(t, "e2fsck", "-f", "-n", image)
		if strings.Contains(out, "Fix?") {
			t.Errorf("e2fsck found faults: %s", out)
		}
		back := filepath.Join(t.TempDir(), "back")
		run(t, "debugfs", "-R", "dump payload "+back, image)
		if checksum(t, back) != checksum(t, payload) {
			t.Error("the file in the file system differs")
		}
		if freed := before - storage(t, image); freed < 128*mib {
			t.Errorf("mkfs.ext4 -E discard freed %d bytes of the image", freed)
		}
	})
}

// mountFile makes the disk a file.
func mountFile(t *testing.T, d *disk) (file string, unmount func()) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var before syscall.Stat_t
	if err := syscall.Stat(file, &before); err != nil {
		t.Fatal(err)
	}
	fuse := exec.Command("nbdfuse", file, d.uri)
	fuse.Stdout, fuse.Stderr = os.Stderr, os.Stderr
	if err := fuse.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() { gone <- fuse.Wait() }()
	eventually(t, "nbdfuse to mount", func() bool {
		var now syscall.Stat_t
		return syscall.Stat(file, &now) == nil && now.Dev != before.Dev
	})
	unmounted := false
	unmount = func() {
		if unmounted {
			return
		}
		unmounted = true
		if syscall.Unmount(file, 0) != nil {
			exec.Command("fusermount3", "-u", file).Run()
		}
		select {
		case <-gone:
		case <-time.After(30 * time.Second):
			fuse.Process.Kill()
			t.Error("nbdfuse doesn't end after unmounting")
		}
	}
	t.Cleanup(unmount)
	return file, unmount
}

// eventually waits until done is true, for ten seconds at most.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited ten seconds in vain for %s", what)
		}
	}
}
