//go:build linux

package sys

import (
	"fmt"
	"sync/atomic"
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

// MapOver replaces the mapping under b by len(b) bytes at off of fd, shared.
// Concurrent accesses see the old bytes or the new ones, and never fault. b is a
// whole number of pages and must lie in a mapping made here.
func MapOver(b []byte, fd, off int, write bool) error {
	_, err := mmap(fd, int64(off), unsafe.Pointer(unsafe.SliceData(b)), len(b), prot(write),
		unix.MAP_SHARED|unix.MAP_FIXED|unix.MAP_NORESERVE)
	return err
}

// MapZerosOver replaces the mapping under b by private zeros.
func MapZerosOver(b []byte) error {
	_, err := mmap(-1, 0, unsafe.Pointer(unsafe.SliceData(b)), len(b), prot(true),
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED)
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

// MoveOver replaces the mapping under b by the memory of from, which is as long, was
// made by MapNew and is gone afterwards.
func MoveOver(b, from []byte) error {
	n := uintptr(len(b))
	_, err := unix.MremapPtr(unsafe.Pointer(unsafe.SliceData(from)), n, unsafe.Pointer(unsafe.SliceData(b)), n,
		unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED)
	if err != nil {
		return fmt.Errorf("mremap %d bytes: %w", n, err)
	}
	return nil
}

// MapNew maps n bytes of private zeros.
func MapNew(n int) ([]byte, error) {
	return mmap(-1, 0, nil, n, prot(true), unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
}

// Unmap ends a mapping made by Map or MapNothing. An empty one is let be.
func Unmap(b []byte) {
	if len(b) > 0 {
		// It can't fail: b is a mapping of ours, whole.
		_ = unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(b)), uintptr(len(b)))
	}
}

func mmap(fd int, off int64, at unsafe.Pointer, n, prot, flags int) ([]byte, error) {
	p, err := unix.MmapPtr(fd, off, at, uintptr(n), prot, flags)
	if err != nil {
		return nil, fmt.Errorf("mmap %d bytes: %w", n, err)
	}
	return unsafe.Slice((*byte)(p), n), nil
}

func prot(write bool) int {
	if write {
		return unix.PROT_READ | unix.PROT_WRITE
	}
	return unix.PROT_READ
}
