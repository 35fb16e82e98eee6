//go:build linux

package image

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// sysfsDir is the directory in which the kernel describes a block device, without
// symbolic links; "" if there is none. A partition's lies in its disk's.
func sysfsDir(st os.FileInfo) string {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	dir, err := filepath.EvalSymlinks(fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(sys.Rdev), unix.Minor(sys.Rdev)))
	if err != nil {
		return ""
	}
	return dir
}

// queueLimit is a number that the kernel says of a block device's requests; 0 if it
// says nothing (Documentation/ABI/stable/sysfs-block, /sys/block/DISK/queue).
func queueLimit(st os.FileInfo, name string) int64 {
	dir := sysfsDir(st)
	for _, where := range []string{dir, filepath.Dir(dir)} {
		if text, err := os.ReadFile(filepath.Join(where, "queue", name)); err == nil {
			n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
			return n
		}
	}
	return 0
}
