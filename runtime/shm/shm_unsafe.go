package shm

import "unsafe"

// word returns the aligned 32-bit word at off, bounds and alignment checked.
func (m Memory) word(off int) *uint32 {
	b := m.b[off : off+4 : off+4]
	p := unsafe.Pointer(unsafe.SliceData(b))
	if uintptr(p)&3 != 0 {
		panic("shm: word access at an unaligned offset")
	}
	return (*uint32)(p)
}

// Alloc returns n bytes of ordinary, zeroed, page-aligned Go memory. Two
// goroutines may play the two sides of a channel in it, and the race detector
// then watches both.
func Alloc(n int) Memory {
	raw := make([]byte, n+PageSize)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(raw))) & (PageSize - 1))
	return Memory{raw[skip : skip+n : skip+n]}
}

// Offset returns where p lies inside m: the offset of its first byte. It is false
// unless all of p does.
func (m Memory) Offset(p []byte) (int, bool) {
	if len(m.b) == 0 || len(p) == 0 {
		return 0, false
	}
	base := uintptr(unsafe.Pointer(unsafe.SliceData(m.b)))
	at := uintptr(unsafe.Pointer(unsafe.SliceData(p)))
	if at < base || at-base > uintptr(len(m.b)) || uintptr(len(p)) > uintptr(len(m.b))-(at-base) {
		return 0, false
	}
	return int(at - base), true
}
