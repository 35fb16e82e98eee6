//go:build linux

package sys

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Seals of shared memory. Its size is fixed from the start: what is mapped can't vanish.
// Once everybody who may write has mapped it, lastSeals follow: nobody can map it
// writable any more, nor punch a page out of it (fallocate and MADV_REMOVE fail with
// EPERM), nor add a seal. A page that is there then stays there, and whoever touched it
// first goes on paying for it.
const (
	firstSeals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW
	lastSeals  = unix.F_SEAL_FUTURE_WRITE | unix.F_SEAL_SEAL
)

// Memfd creates size bytes of sparse shared memory whose size is sealed. The name
// is seen in /proc/PID/maps alone. The caller closes the descriptor.
func Memfd(name string, size int) (int, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // Linux before 6.3
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return -1, fmt.Errorf("memfd_create: %w", err)
	}
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("ftruncate to %d bytes: %w", size, err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, firstSeals); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("seal shared memory: %w", err)
	}
	return fd, nil
}

// SealMemfd adds the last seals: writable mappings stay, and there will be no others.
//
// It takes the file's lock. Somebody who holds a writable descriptor of the file can keep
// that lock, by a write whose source never comes (a page of a FUSE file), and so block
// the calling thread for as long as he lives. Nothing else here takes it: nobody who
// must not block changes a file after others have it.
func SealMemfd(fd int) error {
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, lastSeals); err != nil {
		return fmt.Errorf("seal shared memory: %w", err)
	}
	return nil
}

// retry calls f until it isn't interrupted by a signal.
func retry(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
