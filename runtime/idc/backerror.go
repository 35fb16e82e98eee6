package idc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/xenidc/idc/runtime/store"
)

// broken ends a connection that can't go on, and tells the front end why.
func (e *backEnd) broken(ctx context.Context, cause error) {
	if e.own == store.StateClosing {
		e.sever(cause)
	}
	if e.own != store.StateConnected && e.own != store.StateInitWait {
		return
	}
	e.log.Warn("connection broken", "cause", cause)
	e.sever(cause)
	w := new(KeyWriter)
	w.Text("error", brief(cause.Error()))
	e.complain(ctx, cause)
	if err := e.publish(ctx, store.StateClosing, w); err != nil {
		e.log.Debug("cannot publish", "err", err)
		e.own = store.StateClosing
	}
}

// complain writes an error where Linux's drivers do and toolstacks look
// (xenbus_va_dev_error, drivers/xen/xenbus/xenbus_client.c): a number and a text, below
// our own domain's error directory.
func (e *backEnd) complain(ctx context.Context, cause error) {
	if e.made {
		return
	}
	errno := syscall.EINVAL
	errors.As(cause, &errno)
	if err := e.c.Write(ctx, store.NoTx, e.errorNode(), brief(fmt.Sprintf("%d %v", int(errno), cause))); err != nil {
		e.log.Debug("cannot write the error", "err", err)
		return
	}
	e.complained = true
}

// forgive removes what was wrong with an earlier connection.
func (e *backEnd) forgive(ctx context.Context) {
	e.complained = false
	for _, node := range []string{e.at.back + "/error", e.errorNode()} {
		if err := e.c.Remove(ctx, store.NoTx, node); err != nil && !errors.Is(err, syscall.ENOENT) {
			e.log.Debug("cannot remove the error", "err", err)
		}
	}
}

func (e *backEnd) errorNode() string {
	home := store.DomainPath(e.c.dom.ID()) + "/"
	return home + "error/" + strings.TrimPrefix(e.at.back, home) + "/error"
}

// brief is as much of a text as a node of the store takes: what the front end wrote
// may be part of it.
func brief(text string) string {
	const most = 256
	return text[:min(len(text), most)]
}
