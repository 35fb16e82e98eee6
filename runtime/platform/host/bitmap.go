//go:build linux

package host

import "math/bits"

// bitmap says which of a number of things are taken. It gives out runs of free
// ones in rotation, so that what was given back is given out again as late as
// possible. It isn't safe for concurrent use.
type bitmap struct {
	w      []uint64
	size   int
	free   int
	cursor int // where the next search starts
}

func newBitmap(size int) bitmap {
	return bitmap{w: make([]uint64, (size+63)/64), size: size, free: size}
}

// grow adds n free things.
func (m *bitmap) grow(n int) {
	m.size += n
	m.free += n
	for len(m.w) < (m.size+63)/64 {
		m.w = append(m.w, 0)
	}
}

// take takes n free things in a row and returns the first.
func (m *bitmap) take(n int) (first int, ok bool) {
	if n > m.free {
		return 0, false
	}
	i := m.find(m.cursor, m.size, n)
	if i < 0 {
		i = m.find(0, min(m.cursor+n, m.size), n)
	}
	if i < 0 {
		return 0, false
	}
	m.set(i, n)
	m.free -= n
	m.cursor = (i + n) % m.size
	return i, true
}

// give returns n things, all of them taken.
func (m *bitmap) give(first, n int) {
	m.clear(first, n)
	m.free += n
}

// find returns the first of n clear bits in a row among bits from to to-1, or -1.
func (m *bitmap) find(from, to, n int) int {
	run := 0
	for i := from; i < to; {
		w := m.w[i/64] >> (i % 64)
		zeros := min(bits.TrailingZeros64(w), 64-i%64, to-i)
		if run += zeros; run >= n {
			return i + zeros - run
		}
		if i += zeros; zeros > 0 && i%64 == 0 || i >= to {
			continue // the run may go on in the next word
		}
		i += min(bits.TrailingZeros64(^(w >> zeros)), 64-i%64)
		run = 0
	}
	return -1
}

func (m *bitmap) set(first, n int) {
	for i := first; i < first+n; i++ {
		m.w[i/64] |= 1 << (i % 64)
	}
}

func (m *bitmap) clear(first, n int) {
	for i := first; i < first+n; i++ {
		m.w[i/64] &^= 1 << (i % 64)
	}
}
