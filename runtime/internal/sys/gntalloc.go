//go:build linux

package sys

import (
	"math"
	"unsafe"

	"golang.org/x/sys/unix"
)

// gntallocAlloc is struct ioctl_gntalloc_alloc_gref (xen/gntalloc.h). As many
// references as count says follow; the ioctl's number counts the first one.
//
//	| domid u16 | flags u16 | count u32 | index u64 | gref u32 x count |
type gntallocAlloc struct {
	domid, flags uint16
	count        uint32
	index        uint64
	gref         lastWord
}

// gntallocDealloc is struct ioctl_gntalloc_dealloc_gref (xen/gntalloc.h).
type gntallocDealloc struct {
	index uint64
	count lastWord
}

const (
	gntallocWritable = 1  // GNTALLOC_FLAG_WRITABLE
	gntallocHead     = 16 // bytes before the first reference
)

var (
	ioctlGntallocAlloc   = ioc('G', 5, unsafe.Sizeof(gntallocAlloc{}))
	ioctlGntallocDealloc = ioc('G', 6, unsafe.Sizeof(gntallocDealloc{}))
)

// GntallocAlloc allocates len(refs) pages, zeroed, grants each to a domain and
// stores their references. The pages are at index of the device, to be mapped whole
// with [MapDevice]: the kernel mixes up neighbours otherwise. It fails with ENOSPC
// when the module's limit is reached.
func GntallocAlloc[R ~uint32](fd int, domid uint16, write bool, refs []R) (index uint64, err error) {
	if len(refs) == 0 || len(refs) > math.MaxInt32/4096 {
		return 0, unix.EINVAL
	}
	buf := make([]uint64, (gntallocHead+4*len(refs)+7)/8+1) // no shorter than the structure
	op := (*gntallocAlloc)(unsafe.Pointer(&buf[0]))
	op.domid, op.count = domid, uint32(len(refs))
	if write {
		op.flags = gntallocWritable
	}
	if _, err := ioctl(fd, ioctlGntallocAlloc, unsafe.Pointer(op)); err != nil {
		return 0, err
	}
	copy(refs, unsafe.Slice((*R)(unsafe.Pointer(&op.gref)), len(refs)))
	return op.index, nil
}

// GntallocDealloc gives pages back, all of one allocation. Those that the peer has
// mapped stay its own until it lets go; the kernel frees them then.
func GntallocDealloc(fd int, index uint64, count int) error {
	op := gntallocDealloc{index: index, count: lastWord{uint32(count)}}
	_, err := ioctl(fd, ioctlGntallocDealloc, unsafe.Pointer(&op))
	return err
}
