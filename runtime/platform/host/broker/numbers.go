//go:build linux

package broker

import "github.com/xenidc/idc/runtime/platform"

// numbers hands out domain numbers 1 to FirstReserved-1, each again as late as
// possible: whoever still knows a dead domain by its number must not meet another.
type numbers struct {
	last    platform.DomID
	wrapped bool
}

// next returns the next number that taken doesn't claim. The caller knows that
// there is one.
func (n *numbers) next(taken func(platform.DomID) bool) platform.DomID {
	for {
		if n.last++; n.last >= platform.FirstReserved {
			n.last, n.wrapped = 1, true
		}
		if !taken(n.last) {
			return n.last
		}
	}
}

// used reports whether a domain ever had the number.
func (n *numbers) used(id platform.DomID) bool {
	return id > 0 && id < platform.FirstReserved && (n.wrapped || id <= n.last)
}
