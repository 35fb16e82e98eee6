package store

import (
	"context"
	"fmt"
	"syscall"
)

// call is one request from its making to its reply.
type call struct {
	typ    Type
	path   string // for errors
	req    uint32
	msg    []byte
	result chan result // cap 1

	// Guarded by Client.mu.
	sent      bool         // a reply before that is a lie
	abandoned bool         // nobody reads result
	late      func(string) // what to do with an abandoned call's success; must not block
	detached  bool         // nobody ever waited; holds no slot
}

type result struct {
	data string
	err  error
}

// decode turns a reply into what the caller gets.
func (k *call) decode(typ Type, payload string) (string, error) {
	switch typ {
	case k.typ:
		return payload, nil
	case TypeError:
		return "", &Error{k.typ, k.path, errnoByName(trimNUL(payload))}
	}
	return "", fmt.Errorf("%w: %v answered by %v", ErrProtocol, k.typ, typ)
}

func trimNUL(s string) string {
	if n := len(s); n > 0 && s[n-1] == 0 {
		return s[:n-1]
	}
	return s
}

// do makes one request and waits for its reply. The parts are the payload. late, which
// may be nil, undoes a success that came after ctx ended.
func (c *Client) do(ctx context.Context, typ Type, tx Tx, path string, late func(string), parts ...string) (string, error) {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	if n > c.maxPayload {
		return "", &Error{typ, path, syscall.E2BIG}
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	case <-c.done:
		return "", c.Err()
	}
	k := &call{typ: typ, path: path, result: make(chan result, 1)}
	if err := c.post(k, tx, parts...); err != nil {
		<-c.slots
		return "", err
	}
	select {
	case r := <-k.result:
		return r.data, r.err
	case <-c.done:
		return "", c.Err()
	case <-ctx.Done():
	}
	if c.abandon(k, late) {
		return "", ctx.Err()
	}
	select {
	case r := <-k.result: // on its way already
		return r.data, r.err
	case <-c.done:
		return "", c.Err()
	}
}

// post queues k to be sent. It doesn't block.
func (c *Client) post(k *call, tx Tx, parts ...string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return c.cause
	}
	c.lastReq++
	for c.calls[c.lastReq] != nil {
		c.lastReq++
	}
	k.req = c.lastReq
	k.msg = appendMessage(nil, k.typ, k.req, uint32(tx), parts...)
	c.calls[k.req] = k
	c.out = append(c.out, k)
	if k.detached {
		c.detached++
	}
	select {
	case c.kick <- struct{}{}:
	default:
	}
	return nil
}

// detach sends a request that cleans up after a caller who is gone, and ignores its reply.
func (c *Client) detach(typ Type, tx Tx, parts ...string) {
	c.mu.Lock()
	flooded := c.detached >= maxDetached
	c.mu.Unlock()
	if flooded {
		c.fail(fmt.Errorf("%w: the server answers requests that it did not read", ErrProtocol))
		return
	}
	// An error means that the connection has ended, and the server has cleaned up itself.
	_ = c.post(&call{typ: typ, abandoned: true, detached: true}, tx, parts...)
}

// abandon marks k as left by its caller. It reports false when the reply came first.
func (c *Client) abandon(k *call, late func(string)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls[k.req] != k {
		return false
	}
	k.abandoned = true
	k.late = late
	return true
}
