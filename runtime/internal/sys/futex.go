//go:build linux

package sys

import (
	"math"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Operations and flags of futex(2) and futex_waitv(2), linux/futex.h. Without the flag a
// word is known by its file and offset, so both processes that map it meet.
const (
	futexWait       = 0
	futexWake       = 1
	futexCmpRequeue = 4
	futexPrivate    = 128
	futex32         = 2
)

// A peer can do more to a word that it shares than change it: it can move whoever sleeps
// on it to a word of its own (FUTEX_CMP_REQUEUE), where no wake-up reaches him. So nobody
// sleeps on a shared word alone: he sleeps on a private one, too, that the peer has no
// way to name. What is moved then is the peer's own bell.
//
// It costs 0.55 us of 4.15 for two processes that wake each other in turn. A bounded sleep
// on the shared word costs as much, for its timer.

// waiter is struct futex_waitv.
type waiter struct {
	val, addr uint64
	flags, _  uint32
}

// FallbackTime bounds FutexWait where the kernel or a filter refuses futex_waitv (Linux
// has it since 5.16), in nanoseconds: who was moved keeps to it.
const FallbackTime = 20_000_000

// noWaitv is set once futex_waitv was refused.
var noWaitv atomic.Bool

// FutexWait sleeps while the word at the start of b is v and own is 0, until somebody
// wakes it through either. It returns early without reason at times (a signal, or a word
// differed): the caller looks again. It blocks the thread: a wake-up takes no detour
// through Go's poller. b has at least four bytes, aligned; own doesn't lie on a stack.
func FutexWait(b []byte, v uint32, own *atomic.Uint32) {
	shared := unsafe.Pointer(unsafe.SliceData(b[:4:4]))
	if noWaitv.Load() {
		ts := unix.NsecToTimespec(FallbackTime)
		_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(shared), futexWait, uintptr(v), uintptr(unsafe.Pointer(&ts)), 0, 0)
		return
	}
	w := [2]waiter{
		{val: uint64(v), addr: uint64(uintptr(shared)), flags: futex32},
		{val: 0, addr: uint64(uintptr(unsafe.Pointer(own))), flags: futex32 | futexPrivate},
	}
	_, _, e := unix.Syscall6(unix.SYS_FUTEX_WAITV, uintptr(unsafe.Pointer(&w)), 2, 0, 0, 0, 0)
	runtime.KeepAlive(own)
	if e == unix.ENOSYS || e == unix.EPERM {
		noWaitv.Store(true)
	}
}

// FutexWake wakes one thread that sleeps on the word at the start of b, which is shared
// with one peer that sleeps there. It doesn't block, and a peer that has many threads
// sleep there doesn't make it slow.
func FutexWake(b []byte) {
	p := unsafe.Pointer(unsafe.SliceData(b[:4:4]))
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(p), futexWake, 1, 0, 0, 0)
}

// FutexWakeOwn wakes everybody who sleeps on a private word, which the caller has
// changed. It doesn't block.
func FutexWakeOwn(own *atomic.Uint32) {
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(own)), futexWake|futexPrivate, math.MaxInt32, 0, 0, 0)
}

// FutexMove moves up to 1000 threads that sleep on the word at the start of b, if it is v,
// to the word at the start of to, and returns how many. It is what a peer can do, for tests.
func FutexMove(b []byte, v uint32, to []byte) int {
	n, _, _ := unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(unsafe.SliceData(b[:4:4]))), futexCmpRequeue, 0, 1000,
		uintptr(unsafe.Pointer(unsafe.SliceData(to[:4:4]))), uintptr(v))
	return int(n)
}
