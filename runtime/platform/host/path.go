//go:build linux

package host

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// PlatformVariable names the environment variable that tells programs where domains live,
// as 'idc --platform' does: host:PATH is the broker whose socket is PATH.
const PlatformVariable = "IDC_PLATFORM"

// usualPath is the broker's for a program that names none: the environment's, else
// [DefaultPath].
func usualPath() (string, error) {
	value := os.Getenv(PlatformVariable)
	kind, path, named := strings.Cut(value, ":")
	switch {
	case value == "" || kind == "host" && !named:
		return DefaultPath()
	case kind == "host" && path != "":
		return path, nil
	}
	return "", fmt.Errorf("%s is %q, and this program runs on host only: set it to host:PATH, the path of a broker's socket, or unset it", PlatformVariable, value)
}

// DefaultPath is where the user's broker is expected: xenidc/broker.sock under
// $XDG_RUNTIME_DIR, else under /run/user/UID, else /tmp/xenidc-UID/broker.sock. It
// makes the directory, mode 0700, and fails if it belongs to somebody else or is
// open to others.
func DefaultPath() (string, error) {
	dir := defaultDir(os.Getenv("XDG_RUNTIME_DIR"), os.Geteuid())
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return "", fmt.Errorf("make the broker's directory: %w", err)
	}
	if err := checkDir(dir); err != nil {
		return "", err
	}
	return filepath.Join(dir, "broker.sock"), nil
}

// defaultDir chooses the directory of the default socket.
func defaultDir(runtimeDir string, uid int) string {
	user := strconv.Itoa(uid)
	for _, base := range []string{runtimeDir, "/run/user/" + user} {
		if fi, err := os.Stat(base); base != "" && err == nil && fi.IsDir() {
			return filepath.Join(base, "xenidc")
		}
	}
	return filepath.Join(os.TempDir(), "xenidc-"+user)
}

// checkDir refuses a directory in which somebody else could have put a socket.
func checkDir(dir string) error {
	fi, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("the broker's directory: %w", err)
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	switch {
	case !fi.IsDir():
		return fmt.Errorf("%s is not a directory: remove it, or name a socket with --socket", dir)
	case !ok || int(st.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to another user: name a socket with --socket", dir)
	case fi.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s is open to others (mode %#o): run chmod 0700 on it", dir, fi.Mode()&fs.ModePerm)
	}
	return nil
}
