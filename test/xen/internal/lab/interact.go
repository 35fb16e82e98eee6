package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/test/xen/internal/channel"
)

// Interact runs a command with the input and output of this process, and returns its
// exit code. If the input is a terminal, the command gets one, too.
func (s *Shell) Interact(ctx context.Context, args []string) (int, error) {
	cmd := channel.Command{Args: args}
	fd := int(os.Stdin.Fd())
	if size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); err == nil {
		cmd.Terminal, cmd.Rows, cmd.Cols = true, size.Row, size.Col
		cmd.Env = []string{"TERM=" + os.Getenv("TERM")}
		old, err := channel.MakeRaw(fd)
		if err != nil {
			return -1, err
		}
		defer unix.IoctlSetTermios(fd, unix.TCSETS, old)
	}
	p, err := s.client.Start(cmd, os.Stdin, os.Stdout, os.Stderr)
	if err != nil {
		return -1, err
	}
	status, err := p.Wait(ctx)
	if err == nil && status.Reason != "" {
		err = status.Err()
	}
	return status.Code, err
}

// CopyFile copies a file of this machine, with its permissions.
func (s *Shell) CopyFile(ctx context.Context, path, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	return s.put(ctx, path, f, st.Mode().Perm())
}

// PowerOff ends a machine that another process booted.
func (m *Machine) PowerOff(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it didn't end within %s", timeout))
	defer cancel()
	// The answer is lost with the machine.
	if _, err := m.Exec(ctx, "poweroff -f"); err != nil && ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), m.Close())
	}
	return m.Close()
}
