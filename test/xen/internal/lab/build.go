package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// moduleRoot returns the directory of go.mod, wherever a test or command runs.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	mod := strings.TrimSpace(string(out))
	if mod == "" || mod == os.DevNull {
		return "", fmt.Errorf("the lab builds programs of the project: run it in the project's tree")
	}
	return filepath.Dir(mod), nil
}

// buildCommand builds a command of the project for the guests, and returns where it
// is: under its own name in dir. The package is as go would take it at the project's root.
func buildCommand(ctx context.Context, dir, pkg string) (string, error) {
	return goBuild(ctx, filepath.Join(dir, filepath.Base(pkg)), "build", pkg, "-ldflags=-s -w")
}

// profiledFlags give a program an address of its own: a profile tells Go programs,
// which otherwise all begin at the same one, apart by that.
const profiledFlags = "-ldflags=-s -w -T=0x40000000"

// BuildTest builds a package's tests for the guests, with those that need Xen: they
// have the build tag xenlab.
func BuildTest(ctx context.Context, dir, pkg string) (string, error) {
	return goBuild(ctx, filepath.Join(dir, filepath.Base(pkg)+".test"), "test", pkg, "-ldflags=-s -w", "-c", "-tags=xenlab")
}

// goBuild builds a static program without symbols: most of it would be moved over a
// slow line for nothing.
func goBuild(ctx context.Context, out, verb, pkg string, flags ...string) (string, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	args := append([]string{verb}, flags...)
	args = append(args, "-trimpath", "-o", out, pkg)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", cmd, err, text)
	}
	return out, nil
}
