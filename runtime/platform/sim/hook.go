package sim

import (
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/xenidc/idc/runtime/platform"
)

// Op names an operation for hooks.
type Op string

// The operations that a Hook sees.
const (
	OpGrant     Op = "grant"
	OpRevoke    Op = "revoke" // can't fail
	OpMap       Op = "map"    // Map and MapEach
	OpUnmap     Op = "unmap"  // can't fail
	OpListen    Op = "listen"
	OpBind      Op = "bind"
	OpNotify    Op = "notify" // can't fail
	OpWait      Op = "wait"   // can't fail
	OpDialStore Op = "dial store"
)

// A Hook is called at the start of an operation of a domain, by any goroutine and
// under no lock. It may delay it; an error that it returns is the operation's,
// where the operation can fail.
type Hook func(op Op, dom platform.DomID) error

// at calls the world's hook.
func (w *World) at(op Op, dom platform.DomID) error {
	if w.opts.Hook == nil {
		return nil
	}
	return w.opts.Hook(op, dom)
}

// Shake returns a hook that yields the processor a random number of times, 0 to
// most, before each operation. The same seed draws the same numbers, in the order
// in which operations come.
func Shake(seed uint64, most int) Hook {
	var mu sync.Mutex
	rnd := rand.New(rand.NewPCG(seed, 0))
	return func(Op, platform.DomID) error {
		mu.Lock()
		n := rnd.IntN(most + 1)
		mu.Unlock()
		for range n {
			runtime.Gosched()
		}
		return nil
	}
}

// FailNth returns a hook that makes the nth operation of a kind fail, counted from
// 1 over all domains, and no other.
func FailNth(op Op, n int, err error) Hook {
	var mu sync.Mutex
	seen := 0
	return func(at Op, _ platform.DomID) error {
		if at != op {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		if seen++; seen == n {
			return err
		}
		return nil
	}
}
