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

// usualBlock is what nearly all file systems count in, bytes.
const usualBlock = 4096

// Granularity returns the size in bytes of what is freed at once, and where the first of
// these begins (Documentation/ABI/stable/sysfs-block, discard_granularity and
// discard_alignment). Of a file they are the blocks of its file system.
func (i *Image) Granularity() (size, alignment uint32) {
	st, err := i.file.Stat()
	if err != nil {
		return usualBlock, 0
	}
	if !isDevice(st) {
		if sys, ok := st.Sys().(*syscall.Stat_t); ok && sys.Blksize > 0 && sys.Blksize <= 1<<20 {
			return uint32(sys.Blksize), 0
		}
		return usualBlock, 0
	}
	n := queueLimit(st, "discard_granularity")
	if n <= 0 || n > 1<<30 {
		return usualBlock, 0
	}
	text, _ := os.ReadFile(filepath.Join(sysfsDir(st), "discard_alignment"))
	at, _ := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	return uint32(n), uint32(at) % uint32(n)
}
