package transport

import (
	"runtime"
	"time"
)

// spinCheck is how many looks a spinner takes between two looks at the clock.
const spinCheck = 64

// quickestLook is less than any look takes, and so bounds their number. It only matters
// where time doesn't pass while somebody is busy, as in a bubble of testing/synctest.
const quickestLook = 4 * time.Nanosecond

// budget bounds how long somebody polls before sleeping. It looks at the clock
// only now and then, since that costs as much as several looks at a ring.
type budget struct {
	limit time.Duration // nothing, if not positive
	start instant       // 0 until it was looked up
	looks int
}

// left reports whether another look may be taken.
func (b *budget) left() bool {
	if b.limit <= 0 {
		return false
	}
	if b.looks++; b.looks%spinCheck != 0 {
		return true
	}
	if b.looks > int(b.limit/quickestLook) {
		return false // the clock stands still
	}
	runtime.Gosched()
	t := now()
	if b.start == 0 {
		b.start = t
	}
	return t-b.start < b.limit
}

// Spin returns how long to poll for when the user asked for want: 0 is the
// default, and a machine with one CPU never polls, since whoever we wait for needs
// that CPU.
func Spin(want time.Duration) time.Duration {
	switch {
	case want < 0 || runtime.GOMAXPROCS(0) == 1 || runtime.NumCPU() == 1:
		return 0
	case want == 0:
		return defaultSpin
	default:
		return want
	}
}

// defaultSpin covers a round trip between two CPUs many times over, and costs less
// than the two wake-ups that it saves.
const defaultSpin = 20 * time.Microsecond
