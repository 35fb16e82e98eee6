//go:build linux

package sys

import (
	"math"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Operations of futex(2), linux/futex.h. The shared kind: the word is known by its
// file and offset, so both processes that map it meet.
const (
	futexWait = 0
	futexWake = 1
)

// FutexWait sleeps while the word at the start of b is v, until somebody wakes it.
// It returns early without reason at times (a signal, or the word differed): the
// caller looks again. It blocks the thread: a wake-up takes no detour through Go's
// poller. b has at least four bytes, aligned.
func FutexWait(b []byte, v uint32) {
	p := unsafe.Pointer(unsafe.SliceData(b[:4:4]))
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(p), futexWait, uintptr(v), 0, 0, 0)
}

// FutexWake wakes everybody who sleeps on the word at the start of b. All, because
// a hostile peer can sleep there too and would swallow a single wake-up. It
// doesn't block.
func FutexWake(b []byte) {
	p := unsafe.Pointer(unsafe.SliceData(b[:4:4]))
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(p), futexWake, math.MaxInt32, 0, 0, 0)
}
