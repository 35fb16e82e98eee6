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
		{"nonsense", "nonsense", "'idc --help'"},
	} {
		code, _, stderr := invoke(t, strings.Fields(tc.line)...)
		if code != exitUsage || !strings.Contains(stderr, tc.says) || !strings.Contains(stderr, tc.help) {
			t.Errorf("idc %s: exit code %d and\n%swant %d, %q and %s", tc.line, code, stderr, exitUsage, tc.says, tc.help)
		}
	}
}
