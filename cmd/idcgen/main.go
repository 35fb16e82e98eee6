// Command idcgen compiles protocol files: it generates Go stubs, formats and checks the files, shows their layout, and draws what it chose.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// The exit codes.
const (
	exitOK    = 0
	exitFound = 1 // diagnostics, differences, or a file that can't be read or written
	exitUsage = 2
)

// errFound is the failure of a command that has said on its output what it found.
var errFound = errors.New("found something to say")

// cli is the command line.
type cli struct {
	Version    kong.VersionFlag `help:"Print the version and exit."`
	Gen        genCmd           `cmd:"" help:"Generate Go stubs from protocol files."`
	Fmt        fmtCmd           `cmd:"" help:"Format protocol files."`
	Vet        vetCmd           `cmd:"" help:"Check protocol files and say what could be better."`
	Layout     layoutCmd        `cmd:"" help:"Show where every field, slot and key of a protocol is."`
	Draw       drawCmd          `cmd:"" help:"Print a protocol with everything drawn that the compiler chose."`
	Completion completionCmd    `cmd:"" help:"Print a shell's completion script."`
	Ver        versionCmd       `cmd:"" name:"version" help:"Print the version."`
}

const description = `Compile protocol files.

Examples:
  idcgen gen -o generated/blk protocols/blk.idc
  idcgen fmt -w protocols/*.idc
  idcgen vet --json protocols/blk.idc
  idcgen layout --abi x86_32 protocols/blk.idc
  idcgen draw examples/kv/kv.idc

Exit status: 0 all is well, 1 something was found, 2 the command line is wrong.`

// streams is where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
	model    *kong.Application
}

func main() { os.Exit(run(os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})) }

// run is main without the process.
func run(args []string, s streams) (code int) {
	exited := -1
	parser, err := kong.New(&cli{}, kong.Name("idcgen"), kong.Description(description), kong.Writers(s.out, s.err),
		kong.Vars{"version": version()}, kong.Exit(func(c int) { exited = c; panic(exit{}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}))
	if err != nil {
		fmt.Fprintln(s.err, "idcgen:", err)
		return exitUsage
	}
	defer func() {
		if r := recover(); r != nil {
			code = exited
			if _, ok := r.(exit); !ok {
				fmt.Fprintf(s.err, "idcgen: this is a mistake in idcgen itself: %v\nPlease report it together with the file.\n", r)
				code = exitFound
			}
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		return usage(s.err, parsedCommand(err), err)
	}
	s.model = parser.Model
	return finish(ctx.Run(&s), ctx.Command(), s.err)
}

// exit unwinds out of kong after --help and --version, which it ends by asking to exit.
type exit struct{}

// usageError is what the command line's grammar doesn't forbid, and no command can do.
type usageError struct{ error }

// usage says what is wrong with the command line, and where to read more.
func usage(w io.Writer, command string, err error) int {
	name, _, _ := strings.Cut(command, " <")
	fmt.Fprintf(w, "idcgen: %v\nRun '%s --help' for usage and examples.\n", err, strings.TrimSpace("idcgen "+name))
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

func finish(err error, command string, w io.Writer) int {
	var wrong usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &wrong):
		return usage(w, command, wrong)
	case !errors.Is(err, errFound):
		fmt.Fprintln(w, "idcgen:", err)
	}
	return exitFound
}
