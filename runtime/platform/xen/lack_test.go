//go:build linux && xenlab

package xen_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/xen"
)

const gntallocLimit = "/sys/module/xen_gntalloc/parameters/limit"

// TestLimit: where gntalloc's limit is reached the error says so, and how to raise it.
func TestLimit(t *testing.T) {
	testenv.Leaks(t)
	before, err := os.ReadFile(gntallocLimit)
	if err != nil {
		t.Fatal(err)
	}
	setLimit(t, "8")
	defer setLimit(t, string(before))
	d := joined(t)
	g, err := d.Grant(d.ID(), 4, platform.ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Grant(d.ID(), 5, platform.ReadWrite)
	if !errors.Is(err, platform.ErrNoSpace) || !strings.Contains(err.Error(), "limit of 8 grants") || !strings.Contains(err.Error(), gntallocLimit) {
		t.Errorf("beyond the limit: %v", err)
	}
	g.Free()
	if g, err = d.Grant(d.ID(), 8, platform.ReadWrite); err != nil {
		t.Errorf("as much as the limit allows: %v", err)
	} else {
		g.Free()
	}
}

func setLimit(t *testing.T, to string) {
	t.Helper()
	if err := os.WriteFile(gntallocLimit, []byte(to), 0); err != nil {
		t.Fatal(err)
	}
}

// joined joins until the test ends.
func joined(t *testing.T) *xen.Domain {
	t.Helper()
	d, err := xen.Join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// TestNoModule: without its module a device is missed only by who needs it. It is run
// where the module can go.
func TestNoModule(t *testing.T) {
	testenv.Leaks(t)
	limit, err := os.ReadFile(gntallocLimit)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("rmmod", "xen_gntalloc").CombinedOutput(); err != nil {
		t.Fatalf("rmmod: %v: %s", err, out)
	}
	defer func() {
		if out, err := exec.Command("agent", "modprobe", "xen-gntalloc").CombinedOutput(); err != nil {
			t.Fatalf("modprobe: %v: %s", err, out)
		}
		setLimit(t, string(limit))
	}()
	d := joined(t)
	_, err = d.Grant(d.ID(), 1, platform.ReadWrite)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "/dev/xen/gntalloc: no such file or directory: run modprobe xen-gntalloc") {
		t.Errorf("Grant: %v", err)
	}
	if _, err := d.Map(d.ID(), []platform.GrantRef{1 << 20}, platform.ReadOnly); !errors.Is(err, platform.ErrBadRef) {
		t.Errorf("a back end without gntalloc maps: %v", err)
	}
}

// TestNotAllowed: another user than root is told what lets him in.
func TestNotAllowed(t *testing.T) {
	testenv.Leaks(t)
	cmd := exec.Command("/proc/self/exe", "-join=/dev/xen/xenbus")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "permission denied: run as root, or let your user in with a udev rule") {
		t.Errorf("%v: %s", err, out)
	}
}
