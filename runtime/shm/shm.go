// Package shm is bounded access to memory that another party may write at any
// time.
//
// Threat model. The peer shares the pages behind a Memory and can change every
// byte of them between any two instructions of ours. Therefore:
//
//   - structured data is copied out once with [Memory.CopyOut] and decoded from
//     the private copy, never decoded in place (XSA-155);
//   - words that both sides write (ring indices, event words) are reached only
//     through the atomic accessors, which are sequentially consistent, so they
//     give the StoreLoad fences that Xen's ring.h asks for;
//   - no pointer into the memory leaves the package, except by name:
//     [Memory.Unstable].
//
// An offset outside the memory is a bug of ours, never of the peer's (offsets a
// peer sends are checked by whoever reads them), so the accessors panic on it
// as a slice would.
package shm

import "sync/atomic"

// PageSize is the size in bytes of the unit of sharing: XEN_PAGE_SIZE, 4 KiB on
// every architecture (xen/include/public/xen.h calls it the granularity of the
// grant table), whatever the page size of the machine's kernel is.
const PageSize = 4096

// Memory is a run of shared bytes. The zero value is empty. It is a small value,
// passed by copy; copies name the same bytes. Methods may be called by any
// number of goroutines at once. A Memory doesn't own its bytes: whoever mapped
// them says when they go away, and no access may follow that.
type Memory struct {
	b []byte
}

// Of returns the Memory whose bytes are b. Offset 0 must be 8-byte aligned if
// the atomic accessors are to be used; mapped pages and [Alloc] are.
func Of(b []byte) Memory { return Memory{b} }

// Len returns the size in bytes.
func (m Memory) Len() int { return len(m.b) }

// Slice returns the n bytes at off as a Memory of its own.
func (m Memory) Slice(off, n int) Memory { return Memory{m.b[off : off+n : off+n]} }

// Page returns page i of m.
func (m Memory) Page(i int) Memory { return m.Slice(i*PageSize, PageSize) }

// CopyOut copies len(dst) bytes at off into private memory. Every shared byte is
// read at most once. The peer can change bytes while they are copied, so dst may
// hold a mixture of its writes, but dst doesn't change afterwards.
func (m Memory) CopyOut(dst []byte, off int) { copy(dst, m.b[off:off+len(dst)]) }

// CopyIn copies src to the shared bytes at off. Nothing is read back.
func (m Memory) CopyIn(off int, src []byte) { copy(m.b[off:off+len(src)], src) }

// Zero clears n bytes at off. Memory is zeroed before a peer first sees it, so
// that nothing private leaks (XSA-216).
func (m Memory) Zero(off, n int) { clear(m.b[off : off+n]) }

// Unstable returns the shared bytes themselves. The peer can change them while
// they are read, and sees what is written at once: the slice is for system calls
// and for copying, never for decoding. It is valid as long as the mapping is.
func (m Memory) Unstable() []byte { return m.b }

// Load32 atomically reads the native-endian word at off.
func (m Memory) Load32(off int) uint32 { return atomic.LoadUint32(m.word(off)) }

// Store32 atomically writes the native-endian word at off.
func (m Memory) Store32(off int, v uint32) { atomic.StoreUint32(m.word(off), v) }

// Swap32 atomically exchanges the word at off and returns what it was.
func (m Memory) Swap32(off int, v uint32) uint32 { return atomic.SwapUint32(m.word(off), v) }

// CompareAndSwap32 atomically replaces the word at off if it is old.
func (m Memory) CompareAndSwap32(off int, old, v uint32) bool {
	return atomic.CompareAndSwapUint32(m.word(off), old, v)
}

// Or32 atomically sets bits of the word at off and returns what it was.
func (m Memory) Or32(off int, bits uint32) uint32 { return atomic.OrUint32(m.word(off), bits) }

// And32 atomically keeps only the given bits of the word at off and returns what
// it was.
func (m Memory) And32(off int, bits uint32) uint32 { return atomic.AndUint32(m.word(off), bits) }
