//go:build linux

package image

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// examine finds out what was opened, and locks it.
func (i *Image) examine(opts Options) error {
	st, err := i.file.Stat()
	if err != nil {
		return err
	}
	native := 512
	switch mode := st.Mode(); {
	case mode.IsRegular():
	case mode.Type() == os.ModeDevice: // not ModeCharDevice
		if native, err = unix.IoctlGetInt(i.fd, unix.BLKSSZGET); err != nil {
			return fmt.Errorf("ask the device for its sector size: %w", err)
		}
	default:
		return fmt.Errorf("neither a file nor a block device, but %s", mode.Type())
	}
	// The end of a block device is its size too.
	size, err := i.file.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("find its size: %w", err)
	}
	i.size.Store(size)
	if err := i.setSector(opts.SectorSize, native); err != nil {
		return err
	}
	if err := i.lock(); err != nil {
		return err
	}
	i.probeDiscard()
	return nil
}

// setSector settles the sector size and holds the disk's size to it.
func (i *Image) setSector(want, native int) error {
	if want == 0 {
		want = native
	}
	if want != 512 && want != 4096 {
		return fmt.Errorf("sector size %d; it must be 512 or 4096 bytes", want)
	}
	if want < native {
		return fmt.Errorf("sector size %d; the device's sectors have %d bytes", want, native)
	}
	i.sector = int64(want)
	size := i.Size()
	if size < i.sector {
		return fmt.Errorf("%d bytes long; a disk has a sector of %d bytes at least ('truncate -s 1G' makes it longer)", size, i.sector)
	}
	if rest := size % i.sector; rest != 0 {
		return fmt.Errorf("%d bytes long, which is not a multiple of the sector size %d; 'truncate -s %%%d' makes it one",
			size, i.sector, i.sector)
	}
	return nil
}

// What qemu's programs lock, by the byte, to keep each other from writing to an image
// (block/file-posix.c, RAW_LOCK_SHARED_BASE and the bits of BLK_PERM_WRITE to
// BLK_PERM_RESIZE): who holds these three lets nobody else write.
const (
	qemuNoWriters      = 201
	qemuNoWritersCount = 3
)

// lock takes an open file description lock (fcntl(2), F_OFD_SETLK), which ends with
// the descriptor, so with the process at the latest. A writer locks the whole file,
// and so excludes everybody, qemu included. A reader locks what excludes writers.
func (i *Image) lock() error {
	l := &unix.Flock_t{Type: unix.F_WRLCK}
	if i.readOnly {
		l = &unix.Flock_t{Type: unix.F_RDLCK, Start: qemuNoWriters, Len: qemuNoWritersCount}
	}
	err := unix.FcntlFlock(uintptr(i.fd), unix.F_OFD_SETLK, l)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w; end that program, or serve a copy", ErrInUse)
	case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOLCK), errors.Is(err, unix.EINVAL):
		return nil // a file system without locks protects nobody
	}
	return fmt.Errorf("lock it: %w", err)
}

// probeDiscard finds out whether holes can be punched, by punching one behind the
// end of a file, where nothing is. Of a device it is found out at the first discard.
func (i *Image) probeDiscard() {
	st, err := i.file.Stat()
	if i.readOnly || err != nil || !st.Mode().IsRegular() {
		return
	}
	if err := i.punch(i.Size(), 4096); errors.Is(err, unix.EOPNOTSUPP) {
		i.noDiscard.Store(true)
	}
}

// punch frees n bytes at off, which read as zeros afterwards.
func (i *Image) punch(off, n int64) error {
	for {
		err := unix.Fallocate(i.fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
		if err != unix.EINTR {
			return err
		}
	}
}
