//go:build linux

package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// packages names the Debian package of every program that the tests run.
var packages = map[string]string{
	"nbdinfo": "libnbd-bin", "nbdcopy": "libnbd-bin", "nbdfuse": "libnbd-bin",
	"qemu-img": "qemu-utils", "qemu-io": "qemu-utils",
	"fio": "fio", "mkfs.ext4": "e2fsprogs", "e2fsck": "e2fsprogs", "debugfs": "e2fsprogs",
	"xenstore-ls": "xenstore-utils", "fusermount3": "fuse3", "fallocate": "util-linux",
}

// commandTime bounds every program that a test runs.
const commandTime = 3 * time.Minute

// need ends the test if a program isn't installed: as failed where everything is to
// be tested (IDC_E2E=all, as 'make test' sets it), as skipped elsewhere.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			missing(t, "%s isn't installed: apt-get install %s", p, packages[p])
		}
	}
}

func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("IDC_E2E") == "all" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// run runs a program and returns what it prints. It must succeed.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := try(t, program, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return out
}

// try runs a program and returns what it prints, and whether it failed.
func try(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = t.TempDir() // fio and others leave files where they run
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}
