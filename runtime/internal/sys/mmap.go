//go:build linux

package sys

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Map maps the n bytes at off of fd, shared.
func Map(fd, off, n int, write bool) ([]byte, error) {
	return mmap(fd, int64(off), nil, n, prot(write), unix.MAP_SHARED|unix.MAP_NORESERVE)
}

// MapNothing reserves n bytes of address space that nobody can touch until
// something is mapped into them.
func MapNothing(n int) ([]byte, error) {
	return mmap(-1, 0, nil, n, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
}

// MapZerosOver replaces the mapping under b by private zeros. Concurrent accesses see
// the old bytes or the new ones, and never fault. b is a whole number of pages and must
// lie in a mapping made here.
func MapZerosOver(b []byte) error {
	_, err := mmap(-1, 0, unsafe.Pointer(unsafe.SliceData(b)), len(b), prot(true),
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED|unix.MAP_NORESERVE)
	return err
}

// MapCopyOver replaces the mapping under b, which shows len(b) bytes at off of fd, by a
// private copy of them. Nothing that this process writes meanwhile is lost: it reaches
// the file before its page is copied, or the copy afterwards.
func MapCopyOver(b []byte, fd, off int) error {
	_, err := mmap(fd, int64(off), unsafe.Pointer(unsafe.SliceData(b)), len(b), prot(true),
		unix.MAP_PRIVATE|unix.MAP_FIXED)
	if err != nil {
		return err
	}
	// The kernel copies a page when it is first written to, and not before.
	for i := 0; i < len(b); i += unix.Getpagesize() {
		atomic.AddUint32((*uint32)(unsafe.Pointer(&b[i])), 0)
	}
	return nil
}

// MoveOver replaces the mapping under b by the one under from, which is as long and is
// gone from there afterwards.
func MoveOver(b, from []byte) error {
	_, err := mremap(from, len(from), unsafe.Pointer(unsafe.SliceData(b)), len(from), unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED)
	return err
}

// MapNew maps n bytes of private zeros.
func MapNew(n int) ([]byte, error) {
	return mmap(-1, 0, nil, n, prot(true), unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
}

// Alias maps the pages under b, which lie in one shared mapping, once more, with the
// same protection. It needs no descriptor, and no right to map the file anew.
func Alias(b []byte) ([]byte, error) {
	return mremap(b, 0, nil, len(b), unix.MREMAP_MAYMOVE)
}

// AliasOver is Alias in the place of the mapping under dst, which is as long.
func AliasOver(dst, b []byte) error {
	_, err := mremap(b, 0, unsafe.Pointer(unsafe.SliceData(dst)), len(b), unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED)
	return err
}

// Protect makes the pages under b readable alone.
func Protect(b []byte) error { return unix.Mprotect(b, unix.PROT_READ) }

// Unmap ends a mapping, or a part of one of whole pages. An empty one is let be.
func Unmap(b []byte) {
	if len(b) > 0 {
		// It fails only where a hole in a mapping needs a record that the kernel has no
		// memory for; then the address space stays taken.
		_ = unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(b)), uintptr(len(b)))
	}
}

// Populate makes the pages under b, which are mapped writable, exist, on our account:
// touching them can't fail for want of memory later, which would be a SIGBUS. It takes
// no lock that another user of the file could hold.
func Populate(b []byte) error {
	err := retry(func() error { return unix.Madvise(b, unix.MADV_POPULATE_WRITE) })
	if err != nil {
		return fmt.Errorf("populate %d bytes: %w", len(b), err)
	}
	return nil
}

// swapInTime bounds how long Resident waits for a page that was swapped out.
const swapInTime = 100 * time.Millisecond

// Resident sets have[i] to whether page i of b is there, so that touching it takes no
// memory of ours. b lies in a shared mapping of memory that everybody may write as far as
// the file's mode goes, else the kernel doesn't tell and says yes. Page i is brought in
// if it is swapped out, within a moment. It needs no descriptor and takes no lock that
// another user of the file could hold.
func Resident(b []byte, have []bool, i int) error {
	vec := make([]byte, len(have))
	page := os.Getpagesize()
	for begun := time.Now(); ; time.Sleep(swapInTime / 100) {
		_, _, e := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
			uintptr(unsafe.Pointer(unsafe.SliceData(vec))))
		if e != 0 {
			return fmt.Errorf("mincore: %w", e)
		}
		for k, v := range vec {
			have[k] = v&1 != 0
		}
		if have[i] || time.Since(begun) > swapInTime || !swapping() {
			return nil
		}
		// It starts to read what is in swap, and makes nothing.
		_ = unix.Madvise(b[i*page:(i+1)*page], unix.MADV_WILLNEED)
	}
}

// swapping reports whether the machine has swap space in use.
func swapping() bool {
	var si unix.Sysinfo_t
	return unix.Sysinfo(&si) != nil || si.Totalswap != si.Freeswap
}

func mmap(fd int, off int64, at unsafe.Pointer, n, prot, flags int) ([]byte, error) {
	p, err := unix.MmapPtr(fd, off, at, uintptr(n), prot, flags)
	if err != nil {
		return nil, fmt.Errorf("mmap %d bytes: %w", n, err)
	}
	return unsafe.Slice((*byte)(p), n), nil
}

func mremap(b []byte, old int, at unsafe.Pointer, n, flags int) ([]byte, error) {
	p, err := unix.MremapPtr(unsafe.Pointer(unsafe.SliceData(b)), uintptr(old), at, uintptr(n), flags)
	if err != nil {
		return nil, fmt.Errorf("mremap %d bytes: %w", n, err)
	}
	return unsafe.Slice((*byte)(p), n), nil
}

func prot(write bool) int {
	if write {
		return unix.PROT_READ | unix.PROT_WRITE
	}
	return unix.PROT_READ
}
