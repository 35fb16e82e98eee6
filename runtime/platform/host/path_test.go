//go:build linux

package host

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestDefaultDir(t *testing.T) {
	dir := t.TempDir()
	if got, want := defaultDir(dir, 1), filepath.Join(dir, "xenidc"); got != want {
		t.Errorf("with a runtime directory: %s, want %s", got, want)
	}
	const nobody = 987654321 // has no /run/user
	want := filepath.Join(os.TempDir(), "xenidc-"+strconv.Itoa(nobody))
	for _, runtimeDir := range []string{"", filepath.Join(dir, "missing")} {
		if got := defaultDir(runtimeDir, nobody); got != want {
			t.Errorf("with runtime directory %q: %s, want %s", runtimeDir, got, want)
		}
	}
}

func TestDefaultPath(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	for range 2 {
		got, err := DefaultPath()
		if want := filepath.Join(dir, "xenidc", "broker.sock"); err != nil || got != want {
			t.Fatalf("%s, %v; want %s", got, err, want)
		}
	}
	home := filepath.Join(dir, "xenidc")
	if err := os.Chmod(home, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := DefaultPath(); err == nil || !strings.Contains(err.Error(), "chmod 0700") {
		t.Errorf("a directory open to others: %v", err)
	}
	if err := os.Remove(home); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, home); err != nil {
		t.Fatal(err)
	}
	if _, err := DefaultPath(); err == nil {
		t.Error("a symbolic link was followed")
	}
}

// A program that names no broker finds the one that the environment names.
func TestUsualPath(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	own := filepath.Join(dir, "xenidc", "broker.sock")
	for value, want := range map[string]string{"": own, "host": own, "host:/a/b:c": "/a/b:c"} {
		t.Setenv(PlatformVariable, value)
		if got, err := usualPath(); err != nil || got != want {
			t.Errorf("%q: %s, %v; want %s", value, got, err, want)
		}
	}
	for _, value := range []string{"host:", "xen", "xen:/dev/xen/xenbus", "x"} {
		t.Setenv(PlatformVariable, value)
		if _, err := Join(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "IDC_PLATFORM is "+strconv.Quote(value)) {
			t.Errorf("%q: %v", value, err)
		}
	}
}
