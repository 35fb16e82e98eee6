package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"idcgen": main})
}

// The scripts type what users type.
func TestScripts(t *testing.T) {
	protocols, err := filepath.Abs("../../protocols")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PROTOCOLS", protocols)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "aged": aged, "untouched": untouched},
	})
}

// exits CODE COMMAND ARGS... checks the exit code, which testscript's own commands don't.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGS...")
	}
	code := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		if exit, ok := err.(interface{ ExitCode() int }); ok {
			code = string(rune('0' + exit.ExitCode()))
		} else {
			ts.Fatalf("%v", err)
		}
	}
	if code != args[0] {
		ts.Fatalf("exit status %s, want %s", code, args[0])
	}
}

var longAgo = time.Date(2005, 11, 17, 0, 0, 0, 0, time.UTC)

// aged FILES... makes files look old.
func aged(ts *testscript.TestScript, _ bool, args []string) {
	for _, f := range args {
		ts.Check(os.Chtimes(ts.MkAbs(f), longAgo, longAgo))
	}
}

// untouched FILES... checks that files are as old as aged made them.
func untouched(ts *testscript.TestScript, neg bool, args []string) {
	for _, f := range args {
		info, err := os.Stat(ts.MkAbs(f))
		ts.Check(err)
		if info.ModTime().Equal(longAgo) == neg {
			ts.Fatalf("%s was last written at %v", f, info.ModTime())
		}
	}
}
