package lab

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// logTimeout bounds the collection of a log from a domain that may be dead.
const logTimeout = 10 * time.Second

// KernelLog returns what the domain's kernel has said since it booted.
func (s *Shell) KernelLog(t testing.TB) string {
	t.Helper()
	return s.Run(t, "dmesg")
}

// tail returns the end of what a command prints, as a titled text. It never fails.
func (s *Shell) tail(title, line string) string {
	ctx, cancel := context.WithTimeout(context.Background(), logTimeout)
	defer cancel()
	r, err := s.Exec(ctx, fmt.Sprintf("(%s) 2>&1 | tail -n %d", line, tailLines))
	if err != nil {
		return fmt.Sprintf("--- %s: %s: not to be had: %v\n", s.name, title, err)
	}
	return fmt.Sprintf("--- %s: %s:\n%s", s.name, title, r.Stdout)
}

// logs returns what the hypervisor and dom0's kernel said, and what the named
// domU printed on its console, if there is a name.
func (m *Machine) logs(domain string) string {
	var b strings.Builder
	b.WriteString(m.tail("the hypervisor's log", "xl dmesg"))
	b.WriteString(m.tail("the kernel's log", "dmesg"))
	if domain != "" {
		b.WriteString(m.tail("the console of "+domain, "cat /run/lab/"+domain+".log /run/lab/"+domain+".err"))
	}
	return b.String()
}

// kernelLog returns the domU's own log, and what its console showed.
func (d *Domain) kernelLog() string {
	return d.tail("the kernel's log", "dmesg") +
		d.machine.tail("the console of "+d.name, "cat /run/lab/"+d.name+".log /run/lab/"+d.name+".err")
}
