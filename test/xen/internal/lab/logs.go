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

// logs returns what the hypervisor said since dom0 was up, and dom0's kernel since a
// time of its clock, in seconds.
func (m *Machine) logs(since string) string {
	return m.tail("the hypervisor's log", "xl dmesg") + m.tail("the kernel's log", kernelSince(since))
}

// kernelSince is a command for the kernel's log from a time on, whose lines begin
// with [SECONDS].
func kernelSince(since string) string {
	return fmt.Sprintf("dmesg | awk -F '[][ ]+' '$2 >= %s'", orZero(since))
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// uptime returns the seconds since the domain booted.
func (s *Shell) uptime(t testing.TB) string {
	t.Helper()
	return strings.TrimSpace(s.Run(t, "cut -d' ' -f1 /proc/uptime"))
}

// console returns what a domU printed on its console besides its agent's frames, and
// why the agent's line broke, if it did.
func (m *Machine) console(domain string) string {
	return m.tail("the console of "+domain, "cat /run/lab/"+domain+".log /run/lab/"+domain+".err")
}
