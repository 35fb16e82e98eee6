package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
)

// versionCmd is `idcgen version`.
type versionCmd struct {
	JSON bool `help:"Print it as JSON."`
}

// Help is shown by `idcgen version --help`.
func (versionCmd) Help() string { return "Examples:\n  idcgen version" }

// Run prints the version.
func (c versionCmd) Run(s *streams) error {
	if !c.JSON {
		_, err := fmt.Fprintln(s.out, version())
		return err
	}
	return json.NewEncoder(s.out).Encode(map[string]string{"version": recorded(), "go": runtime.Version(), "arch": runtime.GOARCH})
}

// version is the version of the command, Go's, and the machine.
func version() string {
	return fmt.Sprintf("idcgen %s %s %s/%s", recorded(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// recorded is the version that the go command put into the binary.
func recorded() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "(unknown)"
}
