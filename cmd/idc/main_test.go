//go:build linux

package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xenidc/idc/drivers/image"
)

// invoke runs the command within the test, and returns its exit code and what it printed.
func invoke(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(args, &out, &err)
	return code, out.String(), err.String()
}

// Whoever forgot the broker is told so once, and what to do, by every command that
// needs it.
func TestNoBroker(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "idc.sock")
	img := filepath.Join(t.TempDir(), "disk.img")
	if err := image.Create(img, 1<<20); err != nil {
		t.Fatal(err)
	}
	want := "idc: no broker at " + socket + "; start one with 'idc broker --socket " + socket +
		" &', or name another with --platform host:PATH\n"
	for _, args := range [][]string{
		{"blk", "serve", "--name=disk0", img},
		{"blk", "attach", "--name=disk0", "--nbd=unix:" + filepath.Join(t.TempDir(), "nbd.sock")},
		{"store", "ls"},
		{"store", "watch", "/idc"},
	} {
		code, stdout, stderr := invoke(t, append([]string{"--platform=host:" + socket}, args...)...)
		if code != exitFailed || stdout != "" || stderr != want {
			t.Errorf("idc %s: exit code %d, printed %q, and said\n%swant\n%s", strings.Join(args, " "), code, stdout, stderr, want)
		}
	}
}

// A command line that makes no sense is told from a command that failed, and the
// command that explains itself is named.
func TestUsage(t *testing.T) {
	for _, tc := range []struct{ line, says, help string }{
		{"blk", "expected one of", "'idc blk --help'"},
		{"blk serve disk.img", "has no name", "'idc blk serve --help'"},
		{"blk serve a=x a=y", "given twice", "'idc blk serve --help'"},
		{"blk serve --name=a x y", "names one disk", "'idc blk serve --help'"},
		{"broker --mode=9", "permissions in octal", "'idc broker --help'"},
		{"store write /a", "has no value", "'idc store write --help'"},
		{"store ls idc", "begins with /", "'idc store ls --help'"},
		{"--platform=vax store ls", "there is host", "'idc --help'"},
		{"--platform=xen: store ls", "names no socket", "'idc --help'"},
		{"blk serve", "which image", "'idc blk serve --help'"},
		{"blk serve --vdev=xvda d.img", "--domain and --vdev go together", "'idc blk serve --help'"},
		{"blk serve --domain=1 --vdev=xvdz d.img", "from xvda to xvdp", "'idc blk serve --help'"},
		{"blk serve --watch d.img", "the toolstack says what to serve", "'idc blk serve --help'"},
		{"blk serve --images=/ d.img", "is for --watch", "'idc blk serve --help'"},
		{"blk attach --nbd=unix:/x", "which disk", "'idc blk attach --help'"},
		{"blk attach --nbd=unix:/x --backend=0", "--backend and --vdev go together", "'idc blk attach --help'"},
		{"--platform=host: store ls", "names no socket", "'idc --help'"},
		{"demo --size=x", "want bytes", "'idc demo --help'"},
		{"blk serve --workers=0 --name=a d.img", "want 1 to 1024", "'idc blk serve --help'"},
		{"blk serve --queues=0 --name=a d.img", "want 1 to 64", "'idc blk serve --help'"},
		{"blk serve --queues=-1 --name=a d.img", "want 1 to 64", "'idc blk serve --help'"},
		{"blk serve --max-ring-page-order=5 --name=a d.img", "want 0 to 4", "'idc blk serve --help'"},
		{"blk serve --indirect=-1 --name=a d.img", "want 0 to 4096", "'idc blk serve --help'"},
		{"blk serve --sector-size=513 --name=a d.img", "want 512 or 4096", "'idc blk serve --help'"},
		{"blk serve --name=a/b d.img", "want 1 to 64 letters", "'idc blk serve --help'"},
		{"blk serve a=d.img b.c=d.img", "want 1 to 64 letters", "'idc blk serve --help'"},
		{"blk attach --nbd=unix:/x --name=a/b", "want 1 to 64 letters", "'idc blk attach --help'"},
		{"blk attach --nbd=x --name=a", "want unix:PATH or tcp:HOST:PORT", "'idc blk attach --help'"},
		{"blk attach --nbd=tcp:x --name=a", "want unix:PATH or tcp:HOST:PORT", "'idc blk attach --help'"},
		{"blk attach --nbd=unix:/x --name=a --clients=0", "want 1 to 65536", "'idc blk attach --help'"},
		{"blk attach --nbd=unix:/x --name=a --ring-page-order=-1", "want 0 to 4", "'idc blk attach --help'"},
		{"blk attach --nbd=unix:/x --name=a --wait=-1s", "want 0s or more", "'idc blk attach --help'"},
		{"blk attach --nbd=unix:/x --name=a --abi=vax", "want one of x86_64-abi", "'idc blk attach --help'"},
		{"store read idc", "begins with /", "'idc store read --help'"},
		{"store write /a/ x", "begins with / and doesn't end with it", "'idc store write --help'"},
		{"store rm //a", "single '/'", "'idc store rm --help'"},
		{"store mkdir a", "begins with /", "'idc store mkdir --help'"},
		{"store exists", "expected", "'idc store exists --help'"},
		{"store chmod /a x0", "want n, r, w or b first", "'idc store chmod --help'"},
		{"store chmod /a", "expected", "'idc store chmod --help'"},
		{"store watch --count=0 /a", "want 1 or more", "'idc store watch --help'"},
		{"store watch @nothing", "begins with /", "'idc store watch --help'"},
		{"store ls --depth=0", "want 1 or more", "'idc store ls --help'"},
		{"nonsense", "nonsense", "'idc --help'"},
	} {
		code, _, stderr := invoke(t, strings.Fields(tc.line)...)
		if code != exitUsage || !strings.Contains(stderr, tc.says) || !strings.Contains(stderr, tc.help) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("idc %s: exit code %d and\n%swant %d, %q and %s", tc.line, code, stderr, exitUsage, tc.says, tc.help)
		}
	}
}
