//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"idc": main})
}

// The scripts type what users type.
func TestScripts(t *testing.T) {
	// The README's driver, as its users build it.
	bin := t.TempDir()
	for _, end := range []string{"front", "back"} {
		build := exec.Command("go", "build", "-o", filepath.Join(bin, "kv"+end), "github.com/xenidc/idc/examples/kv/"+end)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", build, err, out)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", e.Getenv("PATH")+string(os.PathListSeparator)+bin)
			e.Setenv("IDC_PLATFORM", "host:"+e.WorkDir+"/b.sock")
			e.Setenv("TMPDIR", e.WorkDir+"/tmp")
			return os.Mkdir(e.WorkDir+"/tmp", 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "until": until, "narrow": narrow, "hole": hole, "empty": empty, "send": send,
		},
	})
}

// exits CODE COMMAND ARGS... checks the exit code, which testscript's own commands don't.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGS...")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := err.(interface{ ExitCode() int })
		if !ok {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit status %d, want %s", code, args[0])
	}
}

// until COMMAND ARGS... runs a command until it succeeds.
func until(ts *testscript.TestScript, neg bool, args []string) {
	var err error
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = ts.Exec(args[0], args[1:]...); (err == nil) != neg {
			return
		}
	}
	ts.Fatalf("%s: %v", strings.Join(args, " "), err)
}

// narrow WIDTH FILE checks that no line of a file has more columns, unless it is one
// word.
func narrow(ts *testscript.TestScript, neg bool, args []string) {
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		line = strings.TrimRight(line, "\n")
		if n := len([]rune(line)); fmt.Sprintf("%04d", n) > fmt.Sprintf("%04s", args[0]) && strings.Contains(strings.TrimSpace(line), " ") {
			ts.Fatalf("%d columns: %q", n, line)
		}
	}
}

// send SIGNAL COMMAND... sends a signal to the background commands that begin so.
func send(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{"HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL}
	prefix := strings.Join(args[1:], " ")
	sent := false
	for _, cmd := range ts.BackgroundCmds() {
		line := strings.Join(append([]string{filepath.Base(cmd.Path)}, cmd.Args[1:]...), " ")
		if cmd.ProcessState == nil && strings.HasPrefix(line, prefix) {
			ts.Check(cmd.Process.Signal(signals[args[0]]))
			sent = true
		}
	}
	if !sent {
		ts.Fatalf("no command %q in the background", prefix)
	}
}

// hole FILE BYTES makes an image that is one hole.
func hole(ts *testscript.TestScript, neg bool, args []string) {
	var n size
	ts.Check(n.UnmarshalText([]byte(args[1])))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), nil, 0o600))
	ts.Check(os.Truncate(ts.MkAbs(args[0]), int64(n)))
}

// empty DIR checks that nothing is in a directory.
func empty(ts *testscript.TestScript, neg bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(entries) > 0 {
		ts.Fatalf("%s holds %v", args[0], entries)
	}
}
