//go:build linux

package host

import (
	"math/rand/v2"
	"testing"
)

// TestBitmap holds bitmap to a slice of bools through random work, growing meanwhile.
func TestBitmap(t *testing.T) {
	for _, size := range []int{16, 64, 65, 200, 1024} {
		r := rand.New(rand.NewPCG(1, uint64(size)))
		m, model := newBitmap(size/2), make([]bool, size/2)
		var held []span
		for i := range 5000 {
			if more := size - len(model); more > 0 && i%100 == 99 {
				n := 1 + r.IntN(more)
				m.grow(n)
				model = append(model, make([]bool, n)...)
			}
			if len(held) > 0 && r.IntN(2) == 0 {
				k := r.IntN(len(held))
				m.give(held[k].first, held[k].n)
				mark(model, held[k], false)
				held = append(held[:k], held[k+1:]...)
				continue
			}
			s := span{n: 1 + r.IntN(min(size, 80))}
			var ok bool
			if s.first, ok = m.take(s.n); ok != fits(model, s.n) {
				t.Fatalf("size %d: take(%d) = %v, model says %v", size, s.n, ok, !ok)
			}
			if ok {
				if !mark(model, s, true) {
					t.Fatalf("size %d: %v was given out twice", size, s)
				}
				held = append(held, s)
			}
		}
	}
}

// mark sets what the model says of a run; it is false if some of it was so before.
func mark(model []bool, s span, taken bool) bool {
	ok := true
	for i := s.first; i < s.first+s.n; i++ {
		ok = ok && model[i] != taken
		model[i] = taken
	}
	return ok
}

func fits(model []bool, n int) bool {
	run := 0
	for _, taken := range model {
		if run++; taken {
			run = 0
		}
		if run == n {
			return true
		}
	}
	return false
}

func TestBitmapRotates(t *testing.T) {
	m := newBitmap(128)
	first, _ := m.take(1)
	m.give(first, 1)
	for range 127 {
		i, ok := m.take(1)
		if !ok || i == first {
			t.Fatalf("%d was used again before the others", i)
		}
		m.give(i, 1)
	}
}
