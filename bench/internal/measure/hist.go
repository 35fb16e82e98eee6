package measure

import (
	"math/bits"
	"time"
)

// Each power of two is split into 1<<fine buckets, so a percentile is off by 3 % at
// most.
const fine = 5

// Histogram counts times. The zero value is empty. It is for one goroutine.
type Histogram struct {
	counts [64 << fine]uint32
	n      uint64
}

// Add counts one time.
func (h *Histogram) Add(d time.Duration) {
	h.counts[bucket(uint64(max(d, 0)))]++
	h.n++
}

// Merge adds what o counted.
func (h *Histogram) Merge(o *Histogram) {
	for i, c := range o.counts {
		h.counts[i] += c
	}
	h.n += o.n
}

// Percentile is the time that p percent of those counted don't exceed, or 0 if
// there are none.
func (h *Histogram) Percentile(p float64) time.Duration {
	rank := uint64(p / 100 * float64(h.n))
	for i, c := range h.counts {
		if c > 0 && rank < uint64(c) {
			return time.Duration(middle(i))
		}
		rank -= min(rank, uint64(c))
	}
	return 0
}

// bucket is the number of the bucket of v:
//
//	v < 1<<fine         v itself
//	1<<e | f<<(e-fine)  (e-fine+1)<<fine | f
func bucket(v uint64) int {
	e := bits.Len64(v) - 1
	if e < fine {
		return int(v)
	}
	return (e-fine+1)<<fine | int(v>>(e-fine)&(1<<fine-1))
}

// middle is the value in the middle of a bucket.
func middle(i int) uint64 {
	e := i>>fine + fine - 1
	if e < fine {
		return uint64(i)
	}
	low := uint64(1<<fine|i&(1<<fine-1)) << (e - fine)
	return low + 1<<(e-fine)/2
}
