package transport

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/xenidc/idc/runtime/platform"
)

// Served tells how the service of a request ended.
type Served struct {
	Front       platform.DomID // who asked
	Transaction string         // its name in the protocol; "" if it was none
	Duration    time.Duration  // of the handler and the copying around it; 0 unless all are observed
	Err         error          // why it failed; nil if it didn't, or panicked
	Panic       any            // what the handler panicked with, or nil
	Stack       []byte         // where, as debug.Stack tells it
}

// ErrBadResult says that a handler returned more than its protocol can carry.
var ErrBadResult = errors.New("the handler's result is longer or larger than the protocol allows")

// errNoAnswer ends a connection whose handler left a request without an answer.
var errNoAnswer = errors.New("a handler ended without an answer")

// handle serves the request that r holds, and leaves the answer in it. It is false if
// there is none; then the connection ends.
func (q *BackQueue) handle(r *Request) (ok bool) {
	var start instant
	if q.cfg.Observe {
		start = now()
	}
	r.transaction, r.err, r.panicked, r.size = "", nil, false, 0
	v, stack := q.contain(r)
	if v != nil {
		// The stub encodes the answer, so it is asked once more; it sees that the handler
		// isn't to be called.
		r.reset()
		r.panicked, r.size = true, 0
		if again, _ := q.contain(r); again != nil {
			r.size = 0
		}
	}
	r.reset()
	if q.cfg.Report != nil && (v != nil || r.err != nil || q.cfg.Observe) {
		s := Served{Front: q.cfg.Peer, Transaction: r.transaction, Err: r.err, Panic: v, Stack: stack}
		if q.cfg.Observe {
			s.Duration = now() - start
		}
		q.cfg.Report(s)
	}
	if r.size > 0 {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fail(errNoAnswer)
	return false
}

// contain calls the handler. If it panics, and that is to be contained, v is what with.
func (q *BackQueue) contain(r *Request) (v any, stack []byte) {
	if q.cfg.Contain {
		defer func() {
			if v = recover(); v != nil {
				stack = debug.Stack()
			}
		}()
	}
	q.cfg.Handle(r)
	return nil, nil
}

// Serve says which transaction of the protocol the request is, and reports whether its
// handler is to be called. It isn't if it has panicked: then the request fails.
func (r *Request) Serve(transaction string) bool {
	r.transaction = transaction
	return !r.panicked
}

// Done notes err as the reason why the request fails, if it isn't nil, and returns it.
func (r *Request) Done(err error) error {
	if err != nil {
		r.err = err
	}
	return err
}

// Refuse notes that the request fails with a status of its protocol's own.
func (r *Request) Refuse(status fmt.Stringer) { r.err = statusError{status} }

// statusError is a status as an error.
type statusError struct{ fmt.Stringer }

// Error is the status's name in the protocol.
func (e statusError) Error() string { return e.String() }
