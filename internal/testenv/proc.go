package testenv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// wakeNetpoll makes the runtime open the descriptors of its poller, if it hasn't
// yet, so that they don't look like ours.
func wakeNetpoll(t testing.TB) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatalf("testenv: a pipe to start the poller with: %v", err)
	}
	r.Close()
	w.Close()
}

// unreadable fails the test when what Linux always has isn't there. Elsewhere
// there is no /proc, and descriptors and mappings go unchecked.
func unreadable(t testing.TB, err error) {
	t.Helper()
	if runtime.GOOS == "linux" || !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("testenv: can't look for leaks: %v", err)
	}
}

// fds returns what each open descriptor refers to.
func fds(t testing.TB) map[string]string {
	t.Helper()
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		unreadable(t, err)
	}
	open := map[string]string{}
	for _, e := range entries {
		// The descriptor that listed the directory is closed by now.
		if target, err := os.Readlink(dir + "/" + e.Name()); err == nil {
			open[e.Name()] = target
		}
	}
	return open
}

// mappings returns how many bytes are mapped of each memfd and of each of Xen's
// devices. Neighbouring mappings merge and split, so addresses tell nothing.
func mappings(t testing.TB) map[string]int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		unreadable(t, err)
	}
	sizes := map[string]int{}
	for line := range strings.Lines(string(text)) {
		if name, size, ok := parseMapping(line); ok {
			sizes[name] += size
		}
	}
	return sizes
}

// parseMapping reads one line of /proc/PID/maps (proc_pid_maps(5)):
//
//	7f0000000000-7f0000004000 rw-s 00000000 00:01 1234   /memfd:arena (deleted)
func parseMapping(line string) (name string, size int, ok bool) {
	f := strings.Fields(line)
	if len(f) < 6 || !strings.HasPrefix(f[5], "/memfd:") && !strings.HasPrefix(f[5], "/dev/xen/") {
		return "", 0, false
	}
	from, to, _ := strings.Cut(f[0], "-")
	start, err1 := strconv.ParseUint(from, 16, 64)
	end, err2 := strconv.ParseUint(to, 16, 64)
	if err1 != nil || err2 != nil || end < start {
		return "", 0, false
	}
	return fmt.Sprintf("%s inode %s %s", f[5], f[4], f[1]), int(end - start), true
}
