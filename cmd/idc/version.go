//go:build linux

package main

import (
	"runtime"
	"runtime/debug"
)

type versionCmd struct{}

// Run prints the version that the build recorded.
func (versionCmd) Run(e *env) error {
	version := "(unknown)"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
	}
	e.say(map[string]string{"version": version, "go": runtime.Version(), "arch": runtime.GOARCH},
		"idc %s %s %s/%s", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
