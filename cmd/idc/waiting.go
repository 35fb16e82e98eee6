//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
)

// askTime bounds how long we look for the reason of a wait.
const askTime = 2 * time.Second

// noticeTime is how long a wait may be before the user hears what for.
const noticeTime = 2 * time.Second

// notice tells the user what is waited for, if it takes long. stop ends that.
func (c *attachCmd) notice(e *env, dom platform.Domain) (stop func()) {
	late := time.AfterFunc(noticeTime, func() {
		why := c.why(e, dom)
		if why == "" {
			why = "its server doesn't answer yet"
		}
		e.log.Warn("still waiting for the disk", "name", c.Name, "why", why)
	})
	return func() { late.Stop() }
}

// waited explains what was waited for in vain.
func (c *attachCmd) waited(e *env, dom platform.Domain, err error) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if why := c.why(e, dom); why != "" {
		return fmt.Errorf("waited %v for disk %s in vain: %s", c.Wait, c.Name, why)
	}
	return fmt.Errorf("waited %v for disk %s in vain: %w", c.Wait, c.Name, err)
}

// why says what keeps a disk from being attached, as far as the store tells; else
// nothing.
func (c *attachCmd) why(e *env, dom platform.Domain) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), askTime)
	defer cancel()
	if c.Vdev != 0 {
		return ""
	}
	cl, err := e.toolstack(dom)
	if err != nil {
		return ""
	}
	defer cl.Close()
	path := "/idc/vbd@" + c.Name
	owner, err := cl.Read(ctx, store.NoTx, path)
	if errors.Is(err, syscall.ENOENT) {
		return fmt.Sprintf("nobody serves it; start 'idc blk serve --name %s IMAGE' at the same broker, or choose one of 'idc store list /idc'", c.Name)
	}
	fronts, _ := cl.List(ctx, store.NoTx, path+"/fronts")
	for _, front := range fronts {
		id, _, _ := strings.Cut(front, "-")
		if who := domainName(ctx, cl, id); who != "" && holds(ctx, cl, owner, front) {
			return fmt.Sprintf("%s has it, and a disk has one front end at a time; end that one first", who)
		}
	}
	return ""
}

// holds says whether the back end in domain owner has made an endpoint for a front end's
// request, which is its domain and its device number.
func holds(ctx context.Context, cl *store.Client, owner, front string) bool {
	there, err := cl.Exists(ctx, store.NoTx, "/local/domain/"+owner+"/backend/vbd/"+strings.Replace(front, "-", "/", 1)+"/state")
	return err == nil && there
}

// domainName says which domain has a number, for people.
func domainName(ctx context.Context, cl *store.Client, id string) string {
	name, err := cl.Read(ctx, store.NoTx, "/local/domain/"+id+"/name")
	if err != nil {
		return ""
	}
	text := fmt.Sprintf("domain %s (%s", id, printable(name))
	if pid, err := cl.Read(ctx, store.NoTx, "/local/domain/"+id+"/pid"); err == nil {
		text += ", process " + printable(pid)
	}
	return text + ")"
}
