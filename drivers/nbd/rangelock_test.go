package nbd

import (
	"sync"
	"testing"
	"testing/synctest"
)

// TestRangeLockOrder has many ask for overlapping ranges: each gets its own when all who
// asked for some of it before are done, and no sooner; others don't wait.
func TestRangeLockOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newRangeLock()
		first := l.lock(0, 100)
		var mu sync.Mutex
		var order []int
		turns := make([]uint64, 5)
		ask := func(i int, lo, hi int64) {
			go func() {
				turn := l.lock(lo, hi)
				mu.Lock()
				defer mu.Unlock()
				turns[i], order = turn, append(order, i)
			}()
			synctest.Wait() // it waits, or has it
		}
		want := func(list ...int) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if len(order) != len(list) {
				t.Fatalf("had by %v, want %v", order, list)
			}
			for i := range list {
				if order[i] != list[i] {
					t.Fatalf("had by %v, want %v", order, list)
				}
			}
		}
		ask(0, 50, 150)
		ask(1, 120, 130) // free, but 0 asked for it before
		ask(2, 200, 300)
		ask(3, 99, 100)
		ask(4, 100, 110)
		want(2)
		l.unlock(first)
		want(2, 0)
		l.unlock(turns[2])
		want(2, 0)
		l.unlock(turns[0])
		synctest.Wait()
		mu.Lock()
		n := len(order)
		mu.Unlock()
		if n != 5 {
			t.Errorf("had by %v", order)
		}
		for _, i := range []int{1, 3, 4} {
			l.unlock(turns[i])
		}
		if len(l.spans) != 0 || l.waiting != 0 {
			t.Errorf("left: %+v, %d waiting", l.spans, l.waiting)
		}
	})
}

func TestRangeLockAllocates(t *testing.T) {
	l := newRangeLock()
	if n := testing.AllocsPerRun(100, func() { a := l.lock(0, 1); b := l.lock(1, 2); l.unlock(a); l.unlock(b) }); n != 0 {
		t.Errorf("two locks allocate %v times", n)
	}
}
