//go:build linux

package sys

import (
	"errors"
	"fmt"
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
// private copy of them. Concurrent accesses never fault, and what they write is kept. It
// fails on kernels before Linux 5.14, and then has changed nothing.
func MapCopyOver(b []byte, fd, off int) error {
	_, err := mmap(fd, int64(off), unsafe.Pointer(unsafe.SliceData(b)), len(b), prot(true), unix.MAP_PRIVATE|unix.MAP_FIXED)
	if err != nil {
		return err
	}
	// A private page is the file's own until it is written to.
	if err := unix.Madvise(b, unix.MADV_POPULATE_WRITE); err != nil {
		return errors.Join(err, MapOver(b, fd, off, true))
	}
	return nil
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
