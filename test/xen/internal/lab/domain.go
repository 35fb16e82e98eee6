package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xenidc/idc/test/xen/internal/channel"
)

// PV is a paravirtual domU to start. It has the lab's kernel and file system, and the
// lab's agent as its first process.
type PV struct {
	// Name is how the toolstack and the logs call it: letters, digits and hyphens.
	Name string
	// Memory is in MiB; 0 is 192.
	Memory int
	// VCPUs is how many processors it has; 0 is 1.
	VCPUs int
	// Kernel is added to the kernel's command line.
	Kernel string
	// Config is added to xl's configuration, as lines.
	Config string
}

// Domain is a domU that runs.
type Domain struct {
	Shell
	ID      int
	machine *Machine
}

// startTimeout bounds the start of a domU.
const startTimeout = 90 * time.Second

// Domain starts a domU and waits until it takes commands. It is destroyed when the
// test ends.
func (m *Machine) Domain(t testing.TB, pv PV) *Domain {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	d, err := m.StartDomain(ctx, pv)
	if err != nil {
		t.Fatalf("%v\n%s", err, m.console(pv.Name))
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(d.tail("the kernel's log", "dmesg") + m.console(d.name))
		}
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		if err := d.Destroy(ctx); err != nil {
			t.Error(err)
		}
	})
	return d
}

// StartDomain starts a domU and waits until it takes commands. It lives until it is
// destroyed, also when this process ends before.
func (m *Machine) StartDomain(ctx context.Context, pv PV) (*Domain, error) {
	config := fmt.Sprintf(`name = "%s"
type = "pv"
kernel = "/lab/vmlinux"
ramdisk = "/run/lab/%[1]s.img"
memory = %d
vcpus = %d
extra = "console=hvc0 %s %s"
on_poweroff = "destroy"
on_reboot = "destroy"
on_crash = "destroy"
%s
`, pv.Name, orDefault(pv.Memory, 192), orDefault(pv.VCPUs, 1), kernelOptions, pv.Kernel, pv.Config)
	if err := m.put(ctx, "/run/lab/"+pv.Name+".cfg", strings.NewReader(config), 0o644); err != nil {
		return nil, err
	}
	script := fmt.Sprintf(`set -e
n=%s; b=/run/lab/$n
! xl domid $n >/dev/null 2>&1 || xl destroy $n # left by a run that was killed
cp /lab/domu.cpio $b.img
mkdir -p %s && cd %[2]s && find . | cpio -o -H newc 2>/dev/null >>$b.img
xl create -q $b.cfg >&2
rm $b.img
id=$(xl domid $n)
setsid agent console $id $b.sock $b.log </dev/null >$b.err 2>&1 &
echo $id`, pv.Name, overlay)
	r, err := m.Exec(ctx, script)
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("starting domU %s: %w: %s", pv.Name, err, r.Stderr)
	}
	id, err := strconv.Atoi(strings.TrimSpace(r.Stdout))
	if err != nil {
		return nil, fmt.Errorf("xl domid %s: %w", pv.Name, err)
	}
	d := &Domain{Shell: Shell{name: pv.Name}, ID: id, machine: m}
	if err := d.connect(ctx); err != nil {
		return nil, errors.Join(err, d.Destroy(context.WithoutCancel(ctx)))
	}
	return d, nil
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// FindDomain connects to a domU that StartDomain started.
func (m *Machine) FindDomain(ctx context.Context, name string) (*Domain, error) {
	r, err := m.Exec(ctx, "xl domid "+name)
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("no domU %q runs: %w", name, err)
	}
	id, err := strconv.Atoi(strings.TrimSpace(r.Stdout))
	if err != nil {
		return nil, fmt.Errorf("xl domid %s: %w", name, err)
	}
	d := &Domain{Shell: Shell{name: name}, ID: id, machine: m}
	return d, d.connect(ctx)
}

// connect reaches the domU's agent through a command in dom0.
func (d *Domain) connect(ctx context.Context) error {
	stdin, in := io.Pipe()
	out, stdout := io.Pipe()
	p, err := d.machine.client.Start(channel.Command{Args: []string{"agent", "connect", "/run/lab/" + d.name + ".sock"}}, stdin, stdout, nil)
	if err != nil {
		return err
	}
	go func() {
		<-p.Done()
		stdout.Close()
		stdin.Close()
	}()
	d.client, err = channel.NewClient(ctx, pipes{out, in}, nil)
	if err != nil {
		return fmt.Errorf("domU %s doesn't answer: %w", d.name, err)
	}
	return nil
}

// pipes is a stream of two.
type pipes struct {
	*io.PipeReader
	w *io.PipeWriter
}

func (p pipes) Write(b []byte) (int, error) { return p.w.Write(b) }

func (p pipes) Close() error {
	p.w.Close()
	return p.PipeReader.Close()
}

// Destroy destroys the domU, if it is still there, and waits until its number is free.
func (d *Domain) Destroy(ctx context.Context) error {
	if d.client != nil {
		d.client.Close()
	}
	r, err := d.machine.Exec(ctx, fmt.Sprintf("xl domid %s >/dev/null 2>&1 || exit 0; xl destroy %[1]s", d.name))
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		return fmt.Errorf("destroying domU %s: %w: %s", d.name, err, r.Stderr)
	}
	return nil
}
