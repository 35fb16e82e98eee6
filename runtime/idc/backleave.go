package idc

import (
	"context"
	"slices"
	"time"

	"github.com/xenidc/idc/runtime/store"
)

// leave says goodbye: what was taken is answered, then the directory goes if it is
// ours. When the store is out of reach our domain has ended, and there is nobody to
// answer.
func (e *backEnd) leave(front *store.Watch) {
	if err := e.c.Err(); err != nil {
		e.sever(err)
		return
	}
	if !e.made && len(e.links) > 0 {
		e.usher(front)
	}
	end := make(chan struct{})
	defer close(end)
	go e.hurry(end, slices.Clone(e.links))
	e.sever(ErrClosed)
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	switch {
	case e.made:
		e.publish(ctx, store.StateClosed, nil)
		removeDevice(ctx, e.c.Client, e.at.back)
	case e.own == store.StateInitWait:
		e.publish(ctx, store.StateInitialising, nil) // as it was: nobody serves it yet
	case e.own != store.StateUnknown && e.own != store.StateClosed && e.own != store.StateInitialising:
		e.publish(ctx, store.StateClosed, nil)
	}
}

// usher asks the front end of a toolstack's device to close, and serves it until it
// has, or too much time has passed: somebody else's driver writes back what it holds
// before it closes.
func (e *backEnd) usher(front *store.Watch) {
	ctx, cancel := context.WithTimeout(context.Background(), usherTime)
	defer cancel()
	if e.follow(ctx, store.StateClosing) != nil {
		return
	}
	for {
		s, err := readState(ctx, e.c.Client, e.at.front)
		if err != nil || s != store.StateConnected && s != store.StateClosing {
			return
		}
		select {
		case <-front.C():
			drainWatch(front)
		case <-e.failure:
			return
		case <-e.c.Done():
			return
		case <-ctx.Done():
			e.log.Warn("the front end doesn't close", "waited", usherTime)
			return
		}
	}
}

// usherTime is how long a service that closes waits for a front end to do so first.
const usherTime = 5 * time.Second

// hurry ends the contexts of requests that are still being served when our domain
// ends meanwhile, or when they take too long.
func (e *backEnd) hurry(end <-chan struct{}, links []*backLink) {
	limit := time.NewTimer(grace)
	defer limit.Stop()
	select {
	case <-end:
		return
	case <-e.c.Done():
	case <-limit.C:
	}
	for _, k := range links {
		if k.queue != nil {
			k.queue.Abort()
		}
	}
}

const (
	// grace is how long a service that closes lets requests that were taken go on before
	// it asks their handlers, through the context, to give up.
	grace = 10 * time.Second
	// closeTime is how long a service that closes takes at most for its front ends and
	// handlers: asking the ones to close, then letting the others finish, and last of all
	// for those who were asked to give up.
	closeTime = usherTime + grace + 2*time.Second
)
