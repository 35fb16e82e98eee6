//go:build linux

package image

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// An image that two programs write to is soon no file system any more, so an image is
// opened for us alone, in the ways that there are:
//
//   - A file gets a lock, by its inode and so under each of its names. QEMU's programs
//     take one that conflicts, and so does every server of ours.
//   - A block device is opened exclusively, by its number and so under each of its
//     nodes. The kernel refuses that while the device, a partition of it or the whole
//     of which it is one is mounted, used for swap, part of an array, or opened so by
//     somebody else.
//   - A loop device is its file by another name: of a loop device the file is locked,
//     and of a file the loop devices must be idle.

// What qemu's programs lock, by the byte, to keep each other from writing to an image
// (block/file-posix.c, RAW_LOCK_SHARED_BASE and the bits of BLK_PERM_WRITE to
// BLK_PERM_RESIZE): who holds these three lets nobody else write.
const (
	qemuNoWriters      = 201
	qemuNoWritersCount = 3
)

// openAlone opens the image, a block device exclusively.
func openAlone(path string, flags int, opts Options) (*os.File, error) {
	st, err := os.Stat(path)
	if err == nil && isDevice(st) && !opts.Shared {
		flags |= unix.O_EXCL
	}
	// O_NONBLOCK so that a named pipe is refused later and not waited for here.
	file, err := os.OpenFile(path, flags|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.EBUSY) {
		return nil, fmt.Errorf("image %s: %w: it is mounted, or another program has it open for itself; "+
			"unmount it or end that program, or write --shared if both may use it", path, ErrInUse)
	}
	if err != nil {
		return nil, explainOpen(path, err)
	}
	if now, err := file.Stat(); err == nil && isDevice(now) && !opts.Shared && flags&unix.O_EXCL == 0 {
		file.Close()
		return nil, fmt.Errorf("image %s: it became another file while it was opened", path)
	}
	return file, nil
}

// isDevice says whether a file is a block device.
func isDevice(st os.FileInfo) bool { return st.Mode().Type() == os.ModeDevice } // not ModeCharDevice

// claim locks the image, and what is behind it or in front of it.
func (i *Image) claim(st os.FileInfo, flags int) error {
	if err := lock(i.fd, i.readOnly); err != nil {
		return err
	}
	if !isDevice(st) {
		return i.checkLoops(st)
	}
	path := loopFile(st)
	if path == "" {
		return nil
	}
	file, err := os.OpenFile(path, flags|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil // it has no name here, or isn't ours to open: nobody can serve it by that
	}
	i.behind = file
	if err := lock(int(file.Fd()), i.readOnly); err != nil {
		return fmt.Errorf("its file %s: %w", path, err)
	}
	return nil
}

// lock takes an open file description lock (fcntl(2), F_OFD_SETLK), which ends with
// the descriptor, so with the process at the latest. A writer locks the whole file,
// and so excludes everybody, qemu included. A reader locks what excludes writers.
func lock(fd int, readOnly bool) error {
	l := &unix.Flock_t{Type: unix.F_WRLCK}
	if readOnly {
		l = &unix.Flock_t{Type: unix.F_RDLCK, Start: qemuNoWriters, Len: qemuNoWritersCount}
	}
	err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, l)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w; end that program, or serve a copy, or write --shared if both may use it", ErrInUse)
	case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOLCK), errors.Is(err, unix.EINVAL):
		return nil // a file system without locks protects nobody
	}
	return fmt.Errorf("lock it: %w", err)
}

// loopFile is the file that a loop device, or a partition of one, is made of; "" if it
// is none (Documentation/ABI/testing/sysfs-block-loop: loop/backing_file).
func loopFile(st os.FileInfo) string {
	dir := sysfsDir(st)
	for _, where := range []string{dir, filepath.Dir(dir)} {
		if name, err := os.ReadFile(filepath.Join(where, "loop", "backing_file")); err == nil {
			return strings.TrimSuffix(string(name), "\n")
		}
	}
	return ""
}

// checkLoops refuses a file of which a loop device is made that is in use. One that
// nobody uses is no harm yet, and one that only reads is none to a reader.
func (i *Image) checkLoops(st os.FileInfo) error {
	loops, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, loop := range loops {
		name, err := os.ReadFile(loop)
		if err != nil {
			continue
		}
		of, err := os.Stat(strings.TrimSuffix(string(name), "\n"))
		if err != nil || !os.SameFile(of, st) {
			continue
		}
		dir := filepath.Dir(filepath.Dir(loop))
		if ro, _ := os.ReadFile(filepath.Join(dir, "ro")); i.readOnly && strings.TrimSpace(string(ro)) == "1" {
			continue
		}
		device := "/dev/" + filepath.Base(dir)
		fd, err := unix.Open(device, unix.O_RDONLY|unix.O_EXCL|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err == nil {
			unix.Close(fd)
		}
		if errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("%w: the loop device %s is made of it, and mounted or in use; write --shared if both may use it", ErrInUse, device)
		}
	}
	return nil
}
