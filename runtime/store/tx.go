package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"syscall"
	"time"
)

// Tx names a transaction of this connection. What is read and written with it is
// seen by nobody else until it is committed.
type Tx uint32

// NoTx makes a request take effect at once, by itself.
const NoTx Tx = 0

const (
	firstBackoff = 500 * time.Microsecond
	maxBackoff   = 50 * time.Millisecond
)

// Transaction runs body in a transaction and commits it. Where another client changed
// what body read, everything is rolled back and body runs again, after a pause that
// grows up to 50 ms, until it succeeds or ctx ends. So body must have no effects but
// those on the store, and must pass its tx to every call.
//
// Those of one Client run one after another, in the order of their calls: together they
// could only spoil each other, and a store allows a domain but a few. So body must not
// call Transaction of the same Client.
//
// An error of body aborts the transaction and is returned as it is. When ctx ends
// while the commit is under way, it is not known whether it took effect.
func (c *Client) Transaction(ctx context.Context, body func(tx Tx) error) error {
	for backoff := firstBackoff; ; backoff = min(2*backoff, maxBackoff) {
		err := c.attempt(ctx, body)
		if !errors.Is(err, errConflict) {
			return err
		}
		select {
		case <-time.After(rand.N(backoff)):
		case <-ctx.Done():
			return fmt.Errorf("xenstore transaction: conflict: %w", ctx.Err())
		case <-c.done:
			return c.Err()
		}
	}
}

// errConflict is EAGAIN from TRANSACTION_END, told apart from one of the body's.
var errConflict = errors.New("transaction conflict")

func (c *Client) attempt(ctx context.Context, body func(tx Tx) error) error {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return c.Err()
	}
	defer func() { <-c.turn }()
	tx, err := c.begin(ctx)
	if err != nil {
		return err
	}
	ended := false
	defer func() {
		if !ended { // an error, or a panic passing through
			c.abort(tx)
		}
	}()
	if err := body(tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	ended = true
	_, err = c.do(ctx, TypeTransactionEnd, tx, "", nil, "T\x00")
	if errors.Is(err, syscall.EAGAIN) {
		return errConflict
	}
	return err
}

// begin starts a transaction. When ctx ends first, one that was started all the same
// is aborted.
func (c *Client) begin(ctx context.Context) (Tx, error) {
	undo := func(data string) {
		if tx, err := parseTx(data); err == nil {
			c.abort(tx)
		}
	}
	data, err := c.do(ctx, TypeTransactionStart, NoTx, "", undo, "\x00")
	if err != nil {
		return NoTx, err
	}
	return parseTx(data)
}

func (c *Client) abort(tx Tx) { c.detach(TypeTransactionEnd, tx, "F\x00") }

func parseTx(data string) (Tx, error) {
	n, err := strconv.ParseUint(trimNUL(data), 10, 32)
	if err != nil || n == 0 {
		return NoTx, fmt.Errorf("%w: bad transaction id %q", ErrProtocol, data)
	}
	return Tx(n), nil
}
