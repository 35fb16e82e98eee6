//go:build linux

package main

import (
	"context"
	"errors"
	"reflect"
)

// gone is nil when the command was told to end, or has nothing left to do.
func gone(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.Canceled) || errors.Is(cause, errDomainEnded) {
		return nil
	}
	return cause
}

// because is why a command ends whose work failed with err: whatever else fails when
// the broker or the store is gone fails for that.
func because(ctx context.Context, err error) error {
	if cause := gone(ctx); cause != nil {
		return cause
	}
	return err
}

// unlessAsked is what of err is left when the command was told to end: that it couldn't
// go on with what it did isn't a failure then. A flush that failed still is one.
func (e *env) unlessAsked(err error) error {
	if e.ctx.Err() == nil {
		return err
	}
	return withoutCanceled(err)
}

// withoutCanceled drops the joined errors that say nothing but that a context was
// cancelled.
func withoutCanceled(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && reflect.TypeOf(err) == joinType {
		var rest []error
		for _, one := range joined.Unwrap() {
			rest = append(rest, withoutCanceled(one))
		}
		return errors.Join(rest...)
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// joinType tells errors.Join's errors, each of which stands for itself, from fmt.Errorf's
// with several causes, which are one error.
var joinType = reflect.TypeOf(errors.Join(context.Canceled))
