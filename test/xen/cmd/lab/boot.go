//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/xenidc/idc/test/xen/internal/lab"
)

// bootCmd keeps a machine in a process of its own: the emulator ends with whoever
// started it.
type bootCmd struct {
	Foreground bool `help:"Stay in the foreground, until interrupted."`
}

// readyName is the file that appears when the machine in the background is up.
const readyName = "ready"

func (b *bootCmd) Run(ctx context.Context, c *cli) error {
	if m, err := lab.Attach(ctx, c.Dir); err == nil {
		return errors.Join(fmt.Errorf("a machine runs in %s already; end it with: lab down", c.Dir), m.Close())
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	ready := filepath.Join(c.Dir, readyName)
	if err := os.Remove(ready); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if b.Foreground {
		return keep(ctx, c.Dir, ready)
	}
	return background(ctx, c.Dir, ready)
}

// keep boots, says so, and waits.
func keep(ctx context.Context, dir, ready string) error {
	m, err := lab.Boot(ctx, dir, progress)
	if err != nil {
		return err
	}
	defer m.Close()
	if err := os.WriteFile(ready, nil, 0o644); err != nil {
		return err
	}
	defer os.Remove(ready)
	if err := m.Wait(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// background starts this program again, apart from the terminal, and waits until
// the machine is up.
func background(ctx context.Context, dir, ready string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	said, err := os.Create(filepath.Join(dir, "boot.log"))
	if err != nil {
		return err
	}
	defer said.Close()
	// With go run the program goes when this one ends; the copy stays with the machine.
	copied := filepath.Join(dir, "lab")
	if err := copyProgram(copied, self); err != nil {
		return err
	}
	cmd := exec.Command(copied, "--dir", dir, "boot", "--foreground")
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		if _, err := os.Stat(ready); err == nil {
			progress("it runs in " + dir)
			return nil
		}
		select {
		case err := <-ended:
			text, _ := os.ReadFile(said.Name())
			return fmt.Errorf("booting: %v\n%s", err, text)
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), cmd.Process.Signal(syscall.SIGTERM))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func copyProgram(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.Remove(to); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(to, b, 0o755)
}

type downCmd struct{}

// downTimeout bounds the wait for the machine's end.
const downTimeout = 30 * time.Second

func (*downCmd) Run(ctx context.Context, c *cli) error {
	m, err := lab.Attach(ctx, c.Dir)
	if err != nil {
		return err
	}
	return m.PowerOff(ctx, downTimeout)
}
