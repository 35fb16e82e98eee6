package transport

import "time"

// began is when this program did.
var began = time.Now()

// instant is a time since then. To tell it reads one clock, where time.Now reads two: in
// a paravirtual domain of Xen each is a system call (Linux has no vDSO clock there).
type instant = time.Duration

func now() instant { return time.Since(began) }
