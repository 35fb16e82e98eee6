package ring

import (
	"errors"
	"fmt"
)

// ErrOverflow says that an index in the shared header can't be true: the peer, or
// somebody else who can write to the memory, corrupted the ring. Use no more of
// it: end the connection. The error itself is an [*OverflowError].
var ErrOverflow = errors.New("ring index overflow")

// OverflowError tells which shared index is impossible, and why.
type OverflowError struct {
	// Index is the word's name in ring.h, "req_prod" or "rsp_prod".
	Index string
	// Value is what was read there.
	Value uint32
	// Limit is the furthest value that could have been true. The nearest one is
	// what was consumed so far; below that the index moved backwards.
	Limit uint32
}

// Error implements error.
func (e *OverflowError) Error() string {
	return fmt.Sprintf("ring: %s is %d, at most %d is possible: the peer corrupted the ring; disconnect", e.Index, e.Value, e.Limit)
}

// Is makes errors.Is(err, ErrOverflow) true.
func (e *OverflowError) Is(target error) bool { return target == ErrOverflow }
