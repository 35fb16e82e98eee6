//go:build linux

package sys

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// seals is what every shared file carries: its size is fixed for good, and so is
// the set of seals. Writing isn't sealed: PUNCH_HOLE would fail with EPERM under
// F_SEAL_FUTURE_WRITE, and revocation is a punched hole.
const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

// ErrNotShared says that a descriptor received from a peer isn't sealed memory of
// the expected size. Mapping it could cost us a SIGBUS, so it isn't mapped.
var ErrNotShared = errors.New("not sealed shared memory")

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
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("seal shared memory: %w", err)
	}
	return fd, nil
}

// CheckMemfd tells whether fd, received from a peer that may be hostile, can be
// mapped without risk: a memfd of exactly size bytes that nobody can shrink. A
// file that could be truncated under a mapping would deliver SIGBUS. Only memfds
// can carry F_SEAL_SHRINK (files of a mounted tmpfs are born with F_SEAL_SEAL), and
// their memory has no size limit; huge page ones do, and are refused.
func CheckMemfd(fd, size int) error {
	got, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil {
		return fmt.Errorf("%w: F_GET_SEALS: %w", ErrNotShared, err)
	}
	if got&seals != seals {
		return fmt.Errorf("%w: seals are %#x, want %#x", ErrNotShared, got, seals)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("%w: fstat: %w", ErrNotShared, err)
	}
	if st.Size != int64(size) {
		return fmt.Errorf("%w: %d bytes, want %d", ErrNotShared, st.Size, size)
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return fmt.Errorf("%w: fstatfs: %w", ErrNotShared, err)
	}
	if int64(fs.Type) != unix.TMPFS_MAGIC {
		return fmt.Errorf("%w: file system %#x is not tmpfs", ErrNotShared, fs.Type)
	}
	return nil
}

// ReadOnlyCopy returns a second descriptor of the memfd, open for reading alone,
// and makes the inode's mode forbid opening it for writing: whoever receives the
// copy can't map it writable, and can't reopen it through /proc/self/fd. The inode
// still belongs to our user, so a process of the same user (or root) that means
// harm may chmod it back; nothing on one machine keeps such processes apart.
func ReadOnlyCopy(fd int) (int, error) {
	if err := unix.Fchmod(fd, 0o400); err != nil {
		return -1, fmt.Errorf("fchmod shared memory: %w", err)
	}
	path := "/proc/self/fd/" + strconv.Itoa(fd)
	ro, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("reopen shared memory read-only: %w", &os.PathError{Op: "open", Path: path, Err: err})
	}
	return ro, nil
}

// Reserve makes n bytes at off of a memfd exist, so that touching them can't fail
// for want of memory later.
func Reserve(fd, off, n int) error {
	return retry(func() error { return unix.Fallocate(fd, 0, int64(off), int64(n)) })
}

// Punch gives the memory at off back to the system: everybody who maps these
// bytes reads zeros from now on, and nobody faults. Both are multiples of the
// page size.
func Punch(fd, off, n int) error {
	const mode = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
	return retry(func() error { return unix.Fallocate(fd, mode, int64(off), int64(n)) })
}

// retry calls f until it isn't interrupted by a signal.
func retry(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
