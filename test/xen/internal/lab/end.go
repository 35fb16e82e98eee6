package lab

import (
	"context"
	"syscall"
	"testing"

	"github.com/xenidc/idc/test/xen/internal/channel"
)

// Signal sends a signal to the process and those that it started.
func (p *Process) Signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := p.proc.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// Wait waits until the process has ended, however.
func (p *Process) Wait(t testing.TB) channel.ExitStatus {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), CommandTimeout)
	defer cancel()
	status, err := p.proc.Wait(ctx)
	if err != nil {
		t.Fatalf("%v\n%s", err, p.Output())
	}
	return status
}

// end makes the process end: asked, then forced.
func (p *Process) end() {
	select {
	case <-p.proc.Done():
		return
	default:
	}
	if p.proc.Signal(syscall.SIGTERM) != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	// Wait kills it when the time is over.
	p.proc.Wait(ctx)
}
