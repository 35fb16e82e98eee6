//go:build linux

// Command idc runs and inspects split device drivers: a broker for the processes of
// one machine, disks served from image files and attached as NBD exports, the store,
// and a demonstration of all of it. docs/idc.md is its manual.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // what was asked for could not be done
	exitUsage  = 2 // the command line makes no sense
)

// cli is the whole command line.
type cli struct {
	Platform platformFlag `default:"host" placeholder:"host[:PATH]|xen[:PATH]" env:"IDC_PLATFORM" help:"Where domains live: host: processes of this machine, met at the broker whose socket is PATH (default: in your runtime directory). xen: this Xen host; PATH is xenstored's socket or the xenbus device (default: what is there)."`
	LogLevel slog.Level   `default:"warn" placeholder:"LEVEL" help:"Least level that is logged to standard error: debug, info, warn or error."`
	JSON     bool         `name:"json" help:"Print results as JSON, one value a line, for scripts."`

	Broker     brokerCmd     `cmd:"" help:"Run the broker at which processes meet."`
	Status     statusCmd     `cmd:"" help:"Say which domains are at the broker, and what they hold."`
	Blk        blkCmd        `cmd:"" help:"Serve and attach disks."`
	Store      storeCmd      `cmd:"" help:"Look at the store, and change it."`
	Demo       demoCmd       `cmd:"" help:"Serve a disk from one process to another, kill the server on the way, and check every byte."`
	Completion completionCmd `cmd:"" help:"Print a completion script for your shell."`
	Version    versionCmd    `cmd:"" help:"Print the version."`

	DemoFront demoFrontCmd `cmd:"" hidden:""`
}

// env is what a command runs in.
type env struct {
	ctx            context.Context // ends with a signal that asks for the end
	stdout, stderr io.Writer
	log            *slog.Logger
	platform       platformFlag
	json           bool
	model          *kong.Application
	unread         func(error) // told that nobody reads standard output; nil: who writes on doesn't mind
}

func main() {
	late = make(chan os.Signal, 1)
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// late gets the signals that come when the command is over already and the process isn't
// yet: they would end it with a status that isn't the command's. Nil in tests, which are
// a process that goes on.
var late chan os.Signal

// run is the command, but for the process.
func run(args []string, stdout, stderr io.Writer) int {
	var c cli
	parser := newParser(&c, stdout, stderr)
	if len(args) == 0 {
		args = []string{"--help"}
	}
	kctx, err := parser.Parse(args)
	if err != nil {
		return usage(stderr, parsedCommand(err), err)
	}
	if late != nil {
		signal.Notify(late, endings(kctx.Command())...)
	}
	ctx, stop := signal.NotifyContext(context.Background(), endings(kctx.Command())...)
	over := context.AfterFunc(ctx, func() { // a second signal ends the process at once
		stop()
		signal.Stop(late)
	})
	defer func() { over(); stop() }()
	if lasting(kctx.Command()) {
		pipe := make(chan os.Signal, 1)
		signal.Notify(pipe, syscall.SIGPIPE) // then a write fails instead
		defer signal.Stop(pipe)
	}
	e := &env{
		ctx: ctx, stdout: stdout, stderr: stderr, platform: c.Platform, json: c.JSON, model: parser.Model,
		log: slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: c.LogLevel})),
	}
	if err := kctx.Run(e); err != nil {
		return report(stderr, kctx.Command(), err)
	}
	return exitOK
}

// lasting says whether a command has something to clean up, or others that depend on it,
// and so doesn't end in the middle because nobody reads what it prints.
func lasting(command string) bool {
	switch plainCommand(command) {
	case "broker", "blk serve", "blk attach", "demo":
		return true
	}
	return false
}

// endings are the signals that ask a command to end. A terminal that was closed is one,
// unless the command was told to outlive it (nohup), or SIGHUP means something else.
func endings(command string) []os.Signal {
	list := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if plainCommand(command) != "blk serve" && !signal.Ignored(syscall.SIGHUP) {
		list = append(list, syscall.SIGHUP)
	}
	return list
}

// newParser builds the command line's grammar.
func newParser(c *cli, stdout, stderr io.Writer) *kong.Kong {
	return kong.Must(c,
		kong.Name("idc"),
		kong.Description("Split device drivers between mutually distrusting domains, over shared memory.\n\nTry 'idc demo'."),
		kong.Writers(stdout, stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.UsageOnError(),
	)
}

// usage reports a command line that can't be understood, and where command explains
// itself.
func usage(stderr io.Writer, command string, err error) int {
	fmt.Fprintf(stderr, "idc: %s; '%s --help' explains\n", oneLine(err), strings.TrimSpace("idc "+plainCommand(command)))
	return exitUsage
}

// parsedCommand is as much of a command as kong found before err.
func parsedCommand(err error) string {
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		return parse.Context.Command()
	}
	return ""
}

// plainCommand drops the arguments of kong's name for a command, such as
// "store read <path>".
func plainCommand(name string) string {
	name, _, _ = strings.Cut(name, " <")
	return name
}

// report reports what failed, and what to do about it where that is known.
func report(stderr io.Writer, command string, err error) int {
	var u usageError
	if errors.As(err, &u) {
		return usage(stderr, command, err)
	}
	if !errors.Is(err, errSilent) {
		fmt.Fprintf(stderr, "idc: %s\n", oneLine(err))
	}
	return exitFailed
}

// errSilent makes a command fail without a word: whoever asked a question has an answer.
var errSilent = errors.New("no")

// oneLine is an error's text in one line, and each of several joined errors' once.
func oneLine(err error) string {
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

// usageError says that a command line makes no sense although it parses.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }
