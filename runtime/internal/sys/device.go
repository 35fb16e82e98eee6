//go:build linux

package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// OpenDevice opens a character device for reading and writing. The descriptor
// doesn't block.
func OpenDevice(path string) (int, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// MapDevice maps the n bytes at a place of a device that one of its ioctls named,
// shared.
func MapDevice(fd int, index uint64, n int, write bool) ([]byte, error) {
	return mmap(fd, int64(index), nil, n, prot(write), unix.MAP_SHARED)
}

// Address is where the bytes lie, to tell one mapping from another.
func Address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// ioc is the number of an ioctl without direction (_IOC(_IOC_NONE, type, nr, size),
// linux/ioctl.h, as on x86, ARM and s390), which all of Xen's devices use.
func ioc(class byte, nr, size uintptr) uintptr { return size<<16 | uintptr(class)<<8 | nr }

// ioctl makes the system call and returns its result.
func ioctl(fd int, request uintptr, p unsafe.Pointer) (int, error) {
	for {
		r, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(p))
		if e == 0 {
			return int(r), nil
		}
		if e != unix.EINTR {
			return 0, e
		}
	}
}
