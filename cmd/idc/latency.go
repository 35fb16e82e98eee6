//go:build linux

package main

import (
	"math/bits"
	"time"
)

// A histogram counts durations in buckets whose width is 1/16 of what they hold, so
// that a percentile is right to 6 percent.
const (
	subBuckets = 16
	subBits    = 4
)

// histogram counts durations. The zero value is empty. One goroutine uses it.
type histogram struct {
	counts [64 * subBuckets]uint32
	total  uint64
	most   time.Duration
}

// add counts one duration.
func (h *histogram) add(d time.Duration) {
	h.counts[bucket(uint64(max(d, 0)))]++
	h.total++
	h.most = max(h.most, d)
}

// merge adds what o counted.
func (h *histogram) merge(o *histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.total += o.total
	h.most = max(h.most, o.most)
}

// percentile returns a duration that p of 100 don't exceed.
func (h *histogram) percentile(p float64) time.Duration {
	want, seen := uint64(p/100*float64(h.total)), uint64(0)
	for i, n := range h.counts {
		if seen += uint64(n); n > 0 && seen >= want {
			return min(bucketTop(i), h.most)
		}
	}
	return h.most
}

// bucket numbers the bucket of v: the position of its highest bit, and the next four.
func bucket(v uint64) int {
	if v < subBuckets {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - subBits
	return (shift+1)*subBuckets + int(v>>shift)&(subBuckets-1)
}

// bucketTop is the largest duration of bucket i.
func bucketTop(i int) time.Duration {
	if i < subBuckets {
		return time.Duration(i)
	}
	shift := i/subBuckets - 1
	return time.Duration((uint64(subBuckets+i%subBuckets)+1)<<shift - 1)
}

// latencies are the percentiles that are told.
type latencies struct {
	P50  float64 `json:"p50_us"`
	P99  float64 `json:"p99_us"`
	P999 float64 `json:"p99.9_us"`
	Max  float64 `json:"max_us"`
}

func (h *histogram) latencies() latencies {
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
	return latencies{us(h.percentile(50)), us(h.percentile(99)), us(h.percentile(99.9)), us(h.most)}
}
