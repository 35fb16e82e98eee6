//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/xenidc/idc/test/xen/internal/lab"
)

type runCmd struct {
	Command []string `arg:"" passthrough:"" help:"Command and arguments."`
}

func (r *runCmd) Run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "xenidc-lab-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	m, err := lab.Boot(ctx, dir, progress)
	if err != nil {
		return err
	}
	defer m.Close()
	return interact(ctx, &m.Shell, trim(r.Command))
}

type shellCmd struct {
	In string `help:"Name of a domU; dom0 otherwise."`
}

func (s *shellCmd) Run(ctx context.Context, c *cli) error {
	m, sh, err := c.shellOf(ctx, s.In)
	if err != nil && s.In == "" {
		progress("no machine runs: booting one that ends with the shell")
		if m, err = lab.Boot(ctx, c.Dir, progress); err == nil {
			sh = &m.Shell
		}
	}
	if err != nil {
		return err
	}
	defer m.Close()
	return interact(ctx, sh, []string{"sh", "-l"})
}

type execCmd struct {
	In      string   `help:"Name of a domU; dom0 otherwise."`
	Command []string `arg:"" passthrough:"" help:"Command and arguments."`
}

func (e *execCmd) Run(ctx context.Context, c *cli) error {
	m, sh, err := c.shellOf(ctx, e.In)
	if err != nil {
		return err
	}
	defer m.Close()
	return interact(ctx, sh, trim(e.Command))
}

// trim drops the -- that kong passes through.
func trim(args []string) []string {
	if len(args) > 0 && args[0] == "--" {
		return args[1:]
	}
	return args
}

// interact runs a command with our input and output, on a terminal if ours is one.
func interact(ctx context.Context, sh *lab.Shell, args []string) error {
	code, err := sh.Interact(ctx, args)
	if err == nil && code != 0 {
		return exitCode(code)
	}
	return err
}

type putCmd struct {
	In      string `help:"Name of a domU; dom0 otherwise."`
	Program bool   `help:"Put a program into PATH of dom0 and of every domU that is started later."`
	File    string `arg:"" type:"existingfile" help:"File on this machine."`
	Path    string `arg:"" optional:"" help:"Where it goes."`
}

func (p *putCmd) Run(ctx context.Context, c *cli) error {
	m, sh, err := c.shellOf(ctx, p.In)
	if err != nil {
		return err
	}
	defer m.Close()
	switch {
	case p.Program && p.In == "" && p.Path == "":
		return m.InstallProgram(ctx, p.File)
	case p.Program:
		return errors.New("--program takes neither --in nor a path")
	case p.Path == "":
		return errors.New("where to? Name a path, or --program")
	}
	return sh.CopyFile(ctx, p.Path, p.File)
}

type testCmd struct {
	In      string   `help:"Name of a domU that runs; dom0 otherwise."`
	Package string   `arg:"" help:"Package, as go takes it at the project's root."`
	Flags   []string `arg:"" optional:"" passthrough:"" help:"Flags for the tests, such as -test.run=X."`
}

func (t *testCmd) Run(ctx context.Context, c *cli) error {
	m, sh, err := c.shellOf(ctx, t.In)
	if err != nil {
		return err
	}
	defer m.Close()
	dir, err := os.MkdirTemp("", "xenidc-lab-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bin, err := lab.BuildTest(ctx, dir, t.Package)
	if err != nil {
		return err
	}
	path := "/usr/local/bin/" + filepath.Base(bin)
	if sh == &m.Shell {
		err = m.InstallProgram(ctx, bin)
	} else {
		err = sh.CopyFile(ctx, path, bin)
	}
	if err != nil {
		return err
	}
	return interact(ctx, sh, append([]string{path, "-test.v"}, trim(t.Flags)...))
}

type domuCmd struct {
	Up   domuUpCmd   `cmd:"" help:"Start a domU."`
	Down domuDownCmd `cmd:"" help:"Destroy a domU."`
}

type domuUpCmd struct {
	Name   string `arg:"" help:"Its name."`
	Memory int    `help:"MiB." default:"192"`
	VCPUs  int    `name:"vcpus" help:"Processors." default:"1"`
	Kernel string `help:"Added to the kernel's command line."`
}

func (d *domuUpCmd) Run(ctx context.Context, c *cli) error {
	m, _, err := c.shellOf(ctx, "")
	if err != nil {
		return err
	}
	defer m.Close()
	dom, err := m.StartDomain(ctx, lab.PV{Name: d.Name, Memory: d.Memory, VCPUs: d.VCPUs, Kernel: d.Kernel})
	if err == nil {
		fmt.Println(dom.ID)
	}
	return err
}

type domuDownCmd struct {
	Name string `arg:"" help:"Its name."`
}

func (d *domuDownCmd) Run(ctx context.Context, c *cli) error {
	m, _, err := c.shellOf(ctx, "")
	if err != nil {
		return err
	}
	defer m.Close()
	r, err := m.Exec(ctx, "xl destroy '"+strings.ReplaceAll(d.Name, "'", "")+"'")
	if err == nil && r.Err() != nil {
		err = fmt.Errorf("%w: %s", r.Err(), r.Stderr)
	}
	return err
}

type profileCmd struct {
	For       time.Duration `help:"How long to look." default:"5s"`
	Functions int           `help:"How many functions to name." default:"40"`
}

func (p *profileCmd) Run(ctx context.Context, c *cli) error {
	m, err := lab.Attach(ctx, c.Dir)
	if err != nil {
		return fmt.Errorf("%w; start one with: lab boot", err)
	}
	defer m.Close()
	return m.Profile(ctx, p.For, p.Functions, os.Stdout)
}

type logCmd struct{}

func (*logCmd) Run(c *cli) error {
	f, err := os.Open(filepath.Join(c.Dir, "serial.log"))
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(os.Stdout, f)
	return err
}

type dirCmd struct{}

func (*dirCmd) Run(c *cli) error {
	_, err := fmt.Println(c.Dir)
	return err
}
