package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Machine is a machine with Xen, and its dom0. Any goroutine may use it.
type Machine struct {
	Shell
	dir string
	emu *emulator // nil if somebody else booted it
}

// Boot boots a machine, with its sockets and logs in dir, which is made if it isn't
// there. It ends with Close, and never outlives this process. Progress is told what takes
// long.
func Boot(ctx context.Context, dir string, progress func(string)) (*Machine, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	e, err := boot(ctx, dir, progress)
	if err != nil {
		return nil, err
	}
	m, err := Attach(ctx, dir)
	if err != nil {
		e.stop()
		return nil, err
	}
	m.emu = e
	if err := m.putIDC(ctx); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// Attach connects to the machine that runs in dir.
func Attach(ctx context.Context, dir string) (*Machine, error) {
	c, err := dial(ctx, dir)
	if err != nil {
		return nil, err
	}
	return &Machine{Shell: Shell{"dom0", c}, dir: dir}, nil
}

// overlay is a directory in dom0: what is in there is in dom0 as if it were in /, and in
// every domU that is started later.
const overlay = "/lab/overlay"

// putIDC builds the idc command and puts it where every domain finds it.
func (m *Machine) putIDC(ctx context.Context) error {
	bin, err := goBuild(ctx, filepath.Join(m.dir, "idc"), "build", "./cmd/idc", profiledFlags)
	if err != nil {
		return err
	}
	return m.InstallProgram(ctx, bin)
}

// InstallProgram puts a program of this machine into PATH of dom0, and of every domU
// that is started later.
func (m *Machine) InstallProgram(ctx context.Context, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	name := filepath.Base(from)
	if err := m.put(ctx, overlay+"/usr/local/bin/"+name, f, 0o755); err != nil {
		return err
	}
	r, err := m.Exec(ctx, fmt.Sprintf("mkdir -p /usr/local/bin && ln -sf %s/usr/local/bin/%s /usr/local/bin/", overlay, name))
	if err == nil {
		err = r.Err()
	}
	return err
}

// Close ends the connection, and the machine if Boot made it.
func (m *Machine) Close() error {
	err := m.client.Close()
	if m.emu != nil {
		m.emu.stop()
		err = errors.Join(err, os.Remove(filepath.Join(m.dir, socketName)), os.Remove(filepath.Join(m.dir, lineName)),
			os.Remove(filepath.Join(m.dir, monitorName)))
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Wait waits until the machine that Boot made has ended by itself, or ctx has.
func (m *Machine) Wait(ctx context.Context) error {
	select {
	case <-m.emu.exited:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
