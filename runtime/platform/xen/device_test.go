//go:build linux

package xen

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
)

// TestErrorsSayWhatToDo: what is missing is told with what would mend it.
func TestErrorsSayWhatToDo(t *testing.T) {
	for _, c := range []struct {
		what string
		err  error
		is   error
		says string
	}{
		{"no module", explainDevice("/dev/xen/gntalloc", "xen-gntalloc", unix.ENOENT, true), fs.ErrNotExist, "/dev/xen/gntalloc: no such file or directory: run modprobe xen-gntalloc"},
		{"no Xen", explainDevice("/dev/xen/evtchn", "xen-evtchn", unix.ENOENT, false), fs.ErrNotExist, "doesn't run on Xen"},
		{"no Xen any more", explainDevice("/dev/xen/evtchn", "xen-evtchn", unix.ENODEV, true), unix.ENODEV, "doesn't run on Xen"},
		{"not allowed", explainDevice("/dev/xen/gntdev", "xen-gntdev", unix.EACCES, true), fs.ErrPermission, `udev rule such as KERNEL=="xen/gntdev"`},
		{"too many files", explainDevice("/dev/xen/evtchn", "xen-evtchn", unix.EMFILE, true), platform.ErrNoSpace, "ulimit -n"},
		{"no store", explainDevice("/dev/xen/xenbus", "", unix.ENOENT, true), fs.ErrNotExist, "XENSTORED_PATH"},
		{"else", explainDevice("/dev/xen/gntdev", "xen-gntdev", unix.EIO, true), unix.EIO, "open /dev/xen/gntdev"},
		{"the limit", explainAlloc(unix.ENOSPC, "1024"), platform.ErrNoSpace, "limit of 1024 grants"},
		{"the limit's name", explainAlloc(unix.ENOSPC, "1024"), unix.ENOSPC, "/sys/module/xen_gntalloc/parameters/limit"},
		{"no memory", explainAlloc(unix.ENOMEM, "1024"), platform.ErrNoSpace, "cannot allocate memory"},
	} {
		if !errors.Is(c.err, c.is) || !strings.Contains(c.err.Error(), c.says) {
			t.Errorf("%s: %q, want %v and %q in it", c.what, c.err, c.is, c.says)
		}
	}
}

// TestJoinWithoutDevices: a domain without its devices fails to join, and leaves
// nothing behind.
func TestJoinWithoutDevices(t *testing.T) {
	testenv.Leaks(t)
	path := serveStore(t, func(ctx context.Context, c *store.Client) error {
		return c.Write(ctx, store.NoTx, "/local/domain/0/domid", "0")
	})
	_, err := Join(t.Context(), WithStore(path), WithDevices(t.TempDir()))
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "evtchn") {
		t.Errorf("Join: %v", err)
	}
	_, err = Join(t.Context(), WithStore(filepath.Join(t.TempDir(), "none")))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Join without a store: %v", err)
	}
	stale := filepath.Join(t.TempDir(), "stale")
	l, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(l)
	if err := unix.Bind(l, &unix.SockaddrUnix{Name: stale}); err != nil {
		t.Fatal(err)
	}
	_, err = Join(t.Context(), WithStore(stale))
	if !errors.Is(err, unix.ECONNREFUSED) || !strings.Contains(err.Error(), "is xenstored running") {
		t.Errorf("Join with a dead store's socket: %v", err)
	}
}

// TestIdentify reads our number from the store, and believes no nonsense.
func TestIdentify(t *testing.T) {
	testenv.Leaks(t)
	for value, want := range map[string]platform.DomID{"0": 0, "7": 7, "32751": 32751, "32752": 0xFFFF, "-1": 0xFFFF, "": 0xFFFF, "7 ": 0xFFFF} {
		path := serveStore(t, func(ctx context.Context, c *store.Client) error {
			return c.Write(ctx, store.NoTx, "/local/domain/0/domid", value)
		})
		conn, err := dialStore(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		c := store.NewClient(conn)
		id, err := identify(t.Context(), c, options{store: path})
		if want == 0xFFFF && (err == nil || !strings.Contains(err.Error(), "no domain can have")) || want != 0xFFFF && (err != nil || id != want) {
			t.Errorf("domid %q: %d, %v", value, id, err)
		}
		if id, err := identify(t.Context(), c, options{id: 9, knowsID: true}); id != 9 || err != nil {
			t.Errorf("told to be 9: %d, %v", id, err)
		}
		c.Close()
	}
	empty := serveStore(t, func(context.Context, *store.Client) error { return nil })
	conn, err := dialStore(t.Context(), empty)
	if err != nil {
		t.Fatal(err)
	}
	c := store.NewClient(conn)
	defer c.Close()
	_, err = identify(t.Context(), c, options{store: empty})
	if caps, _ := os.ReadFile(capabilities); isControl(string(caps)) {
		if err != nil {
			t.Errorf("dom0 doesn't know itself: %v", err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "xen-init-dom0") {
		t.Errorf("a store without domid: %v", err)
	}
}

func TestFindStore(t *testing.T) {
	t.Setenv("XENSTORED_PATH", "/somewhere/else")
	if got := findStore(); got != "/somewhere/else" {
		t.Errorf("XENSTORED_PATH isn't heard: %s", got)
	}
}
