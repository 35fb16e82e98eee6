//go:build linux

package sys

import (
	"unsafe"
)

// gntdevRef is struct ioctl_gntdev_grant_ref (xen/gntdev.h).
type gntdevRef struct{ domid, ref uint32 }

// gntdevMap is struct ioctl_gntdev_map_grant_ref (xen/gntdev.h). As many references
// as count says follow; the ioctl's number counts the first one.
//
//	| count u32 | pad u32 | index u64 | {domid u32, ref u32} x count |
type gntdevMap struct {
	count, _ uint32
	index    uint64
	refs     [1]gntdevRef
}

// gntdevUnmap is struct ioctl_gntdev_unmap_grant_ref (xen/gntdev.h).
type gntdevUnmap struct {
	index    uint64
	count, _ uint32
}

// gntdevCopy is struct ioctl_gntdev_grant_copy (xen/gntdev.h).
type gntdevCopy struct {
	count    uint32
	segments unsafe.Pointer
}

// unmapNotify is struct ioctl_gntdev_unmap_notify (xen/gntdev.h), and struct
// ioctl_gntalloc_unmap_notify (xen/gntalloc.h), which has the same number.
type unmapNotify struct {
	index  uint64
	action uint32
	port   uint32
}

// unmapSendEvent is UNMAP_NOTIFY_SEND_EVENT (both headers).
const unmapSendEvent = 2

var (
	ioctlGntdevMap   = ioc('G', 0, unsafe.Sizeof(gntdevMap{}))
	ioctlGntdevUnmap = ioc('G', 1, unsafe.Sizeof(gntdevUnmap{}))
	ioctlUnmapNotify = ioc('G', 7, unsafe.Sizeof(unmapNotify{}))
	ioctlGntdevCopy  = ioc('G', 8, unsafe.Sizeof(gntdevCopy{}))
)

// GntdevBuffer is the memory of [GntdevMap]'s arguments, to be used again. The zero
// value is ready; it grows as needed. It serves one call at a time.
type GntdevBuffer struct{ words []uint64 }

// GntdevMap records that pages of a domain's are to be mapped. The caller maps all
// of them at index with [MapDevice], once, and only then the hypervisor is asked:
// that mmap fails with EINVAL if any page can't be had. Each success is paired with
// one [GntdevUnmap], after the memory was unmapped.
func GntdevMap[R ~uint32](b *GntdevBuffer, fd int, domid uint16, refs []R) (index uint64, err error) {
	if n := 2 + max(len(refs), 1); len(b.words) < n {
		b.words = make([]uint64, n)
	}
	op := (*gntdevMap)(unsafe.Pointer(&b.words[0]))
	*op = gntdevMap{count: uint32(len(refs))}
	to := unsafe.Slice(&op.refs[0], len(refs))
	for i, ref := range refs {
		to[i] = gntdevRef{uint32(domid), uint32(ref)}
	}
	if _, err := ioctl(fd, ioctlGntdevMap, unsafe.Pointer(op)); err != nil {
		return 0, err
	}
	return op.index, nil
}

// GntdevUnmap forgets what GntdevMap recorded.
func GntdevUnmap(fd int, index uint64, count int) error {
	op := gntdevUnmap{index: index, count: uint32(count)}
	_, err := ioctl(fd, ioctlGntdevUnmap, unsafe.Pointer(&op))
	return err
}

// UnmapNotify has the kernel make an event pending on the remote end of a port of
// ours when the pages at index of gntdev's or gntalloc's are unmapped and given back,
// also by this process's death. The kernel holds on to the port until then.
func UnmapNotify(fd int, index uint64, port uint32) error {
	op := unmapNotify{index: index, action: unmapSendEvent, port: port}
	_, err := ioctl(fd, ioctlUnmapNotify, unsafe.Pointer(&op))
	return err
}
