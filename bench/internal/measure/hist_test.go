package measure

import (
	"math"
	"testing"
	"time"
)

func TestHistogram(t *testing.T) {
	var h, other Histogram
	for i := range 5000 {
		h.Add(time.Duration(i+1) * time.Microsecond)
		other.Add(time.Duration(i+5001) * time.Microsecond)
	}
	h.Merge(&other)
	for _, p := range []float64{0, 1, 50, 90, 99, 99.9} {
		want := p / 100 * 10_000_000
		if got := float64(h.Percentile(p)); math.Abs(got-want) > 0.04*want+2000 {
			t.Errorf("percentile %v: got %v, want %v", p, got, want)
		}
	}
	if got := new(Histogram).Percentile(50); got != 0 {
		t.Errorf("percentile of nothing: %v", got)
	}
}

func TestBuckets(t *testing.T) {
	last := -1
	for v := uint64(0); v < 1<<20; v++ {
		b := bucket(v)
		if b != last && b != last+1 {
			t.Fatalf("bucket of %d is %d, after %d", v, b, last)
		}
		if m := middle(b); math.Abs(float64(m)-float64(v)) > float64(v)/32+1 {
			t.Fatalf("middle of %d's bucket is %d", v, m)
		}
		last = b
	}
	if b := bucket(math.MaxInt64); b >= len(new(Histogram).counts) {
		t.Errorf("bucket %d of the longest time", b)
	}
}
