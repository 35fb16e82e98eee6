//go:build linux

package host

import (
	"runtime"
	"sync/atomic"
	"time"
)

// gate keeps memory mapped while it is being touched: whoever touches it enters
// and leaves, and close returns once nobody is inside or can enter again. It costs
// two atomic additions. The zero value is open.
type gate struct{ n atomic.Int64 }

// shut is added when the gate closes: it makes any count negative.
const shut = -1 << 62

// enter is true if the memory is there until leave.
func (g *gate) enter() bool {
	if g.n.Add(1) > 0 {
		return true
	}
	g.n.Add(-1)
	return false
}

func (g *gate) leave() { g.n.Add(-1) }

// close shuts the gate and waits for those inside. It calls poke again and again
// while it waits, to get those out who sleep inside. It is false if the gate was
// shut already.
func (g *gate) close(poke func()) bool {
	for {
		n := g.n.Load()
		if n < shut/2 {
			return false
		}
		if g.n.CompareAndSwap(n, n+shut) {
			break
		}
	}
	for try := 0; g.n.Load() != shut; try++ {
		poke()
		if try < 100 {
			runtime.Gosched()
		} else {
			time.Sleep(100 * time.Microsecond)
		}
	}
	return true
}
