package transport

import (
	"context"
	"errors"
	"fmt"
)

var (
	// ErrClosed is the terminal cause of an endpoint that its own program closed.
	ErrClosed = errors.New("the endpoint is closed")
	// ErrDisconnected ends a transaction that was under way when the connection went
	// and that its protocol doesn't allow to be replayed.
	ErrDisconnected = errors.New("the connection was lost")
	// ErrProtocol is wrapped by every error that a misbehaving peer causes.
	ErrProtocol = errors.New("the peer broke the protocol")
	// ErrTooLong says that a bulk buffer is longer than one request can carry.
	ErrTooLong = errors.New("the buffer is longer than one request can carry")
	// ErrStillLent is in the error of a transaction that its caller left, or that lost its
	// connection, while its buffer is shared memory: the peer may still write there. It
	// can be waited for: see Ended, and grant.Buffer.Wait.
	ErrStillLent = errors.New("the buffer stays lent until the peer is done with it")
	// ErrWouldBlock is the cause of [NoWait].
	ErrWouldBlock = errors.New("no free slot")
)

// lengthError says which argument was too long.
type lengthError struct {
	what  string
	limit int
	unit  string
}

// TooLong is the error of an argument that doesn't fit into a request, which is an
// ErrTooLong: what it is, and how many there may be of which unit, if that is known.
func TooLong(what string, limit int, unit string) error { return &lengthError{what, limit, unit} }

func (e *lengthError) Error() string {
	if e.limit == 0 {
		return e.what + " is longer than its protocol allows"
	}
	return fmt.Sprintf("%s is longer than %d %s, the most that its protocol allows", e.what, e.limit, e.unit)
}

// Is reports that every lengthError is an ErrTooLong.
func (e *lengthError) Is(target error) bool { return target == ErrTooLong }

// unfinished is the error of a call that its caller left while the peer had it.
type unfinished struct {
	cause error
	lent  bool
	ended chan struct{}
}

func (e *unfinished) Error() string {
	if e.lent {
		return e.cause.Error() + "; " + ErrStillLent.Error()
	}
	return e.cause.Error()
}

func (e *unfinished) Unwrap() []error {
	if e.lent {
		return []error{e.cause, ErrStillLent}
	}
	return []error{e.cause}
}

// Ended tells when the transaction that failed with err is over. A caller may leave while
// the peer has its request: the peer may still carry it out, and reach shared memory that
// was lent for it, until the channel is closed: when the peer has answered, or the
// connection is gone. For every other error it is closed already.
func Ended(err error) <-chan struct{} {
	var u *unfinished
	if errors.As(err, &u) {
		return u.ended
	}
	return closed
}

var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// NoWait is a context for callers that may not sleep: an operation that would have
// to wait for a slot fails at once with ErrWouldBlock.
var NoWait context.Context = noWait()

func noWait() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(ErrWouldBlock)
	return ctx
}

// ProtocolError says what a peer did that the protocol forbids. It ends the link.
type ProtocolError struct {
	Field string // what was wrong, for example "response id"
	Value uint64 // what the peer wrote
	Err   error  // further cause, or nil
}

func (e *ProtocolError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%v: %s: %v", ErrProtocol, e.Field, e.Err)
	}
	return fmt.Sprintf("%v: %s %d", ErrProtocol, e.Field, e.Value)
}

// Is reports that every ProtocolError is an ErrProtocol.
func (e *ProtocolError) Is(target error) bool { return target == ErrProtocol }

// Unwrap returns the further cause.
func (e *ProtocolError) Unwrap() error { return e.Err }
