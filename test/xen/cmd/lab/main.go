//go:build linux

// Command lab boots real Xen in an emulator, for people: to try something in dom0 or
// in a domU, or to repeat a test against a machine that is kept running.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/xenidc/idc/test/xen/internal/lab"
)

const description = `Boots real Xen in an emulator, and runs commands in its domains.

Examples:
  lab run -- xl info                    boot, run one command, power off
  lab shell                             boot, and a shell in dom0

  lab boot                              boot, and keep it running
  lab exec -- xenstore-ls               a command in dom0
  lab domu up web                       start a domU called web
  lab exec --in web -- dmesg            a command in it
  lab shell --in web                    a shell in it
  lab put ./prog /usr/local/bin/prog    a file into dom0
  lab put --program ./prog              into PATH of dom0 and of each domU started later
  lab test ./runtime/platform/xen       a package's tests, in dom0
  IDC_LAB=$(lab dir) go test ./test/xen/... -run Boot
                                        the lab's tests, on this machine
  lab profile --for 10s                 where its processors' time goes
  lab down                              power it off`

type cli struct {
	Dir     string     `help:"Directory of the machine's sockets and logs." env:"IDC_LAB_DIR" default:"${dir}" type:"path"`
	Run     runCmd     `cmd:"" help:"Boot, run a command in dom0, power off."`
	Shell   shellCmd   `cmd:"" help:"A shell in dom0 or a domU; boots a machine if none runs."`
	Boot    bootCmd    `cmd:"" help:"Boot a machine and keep it running."`
	Exec    execCmd    `cmd:"" help:"Run a command on the running machine."`
	Put     putCmd     `cmd:"" help:"Copy a file to the running machine."`
	Test    testCmd    `cmd:"" help:"Build a package's tests and run them on the running machine."`
	Domu    domuCmd    `cmd:"" help:"Start and destroy domUs of the running machine."`
	Profile profileCmd `cmd:"" help:"Tell where the machine's processors spend their time: hypervisor, kernels, idc."`
	Log     logCmd     `cmd:"" help:"Print the serial line's log: the hypervisor's and dom0's kernel."`
	Where   dirCmd     `cmd:"" name:"dir" help:"Print the machine's directory."`
	Down    downCmd    `cmd:"" help:"Power the running machine off."`
}

// exitCode is how a command in a domain ended, and how this one ends then.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit status %d", int(c)) }

func main() {
	var c cli
	k := kong.Parse(&c, kong.Name("lab"), kong.Description(description), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Vars{"dir": defaultDir()})
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	k.BindTo(ctx, (*context.Context)(nil))
	err := k.Run(&c)
	stop()
	var code exitCode
	if errors.As(err, &code) {
		os.Exit(int(code))
	}
	k.FatalIfErrorf(err)
}

// defaultDir is one machine per user.
func defaultDir() string {
	if d := os.Getenv("XDG_RUNTIME_DIR"); d != "" {
		return filepath.Join(d, "xenidc-lab")
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("xenidc-lab-%d", os.Getuid()))
}

func progress(s string) { fmt.Fprintln(os.Stderr, "lab:", s) }

// shellOf connects to the running machine, and there to dom0, or the named domU.
func (c *cli) shellOf(ctx context.Context, domain string) (*lab.Machine, *lab.Shell, error) {
	m, err := lab.Attach(ctx, c.Dir)
	if err != nil {
		return nil, nil, fmt.Errorf("%w; start one with: lab boot", err)
	}
	if domain == "" || domain == "dom0" {
		return m, &m.Shell, nil
	}
	d, err := m.FindDomain(ctx, domain)
	if err != nil {
		return nil, nil, errors.Join(err, m.Close())
	}
	return m, &d.Shell, nil
}
