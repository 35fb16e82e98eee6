package image

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// listsHint is added to failures of apt that fresh lists mend.
const listsHint = "if apt has no package lists, run: apt-get update"

// output runs a program of the machine and returns what it printed.
func output(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", cmd, err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}

// kernelPackage returns the package that linux-image-amd64 stands for today.
func kernelPackage(ctx context.Context) (string, error) {
	out, err := output(ctx, "", "apt-cache", "depends", "--important", "linux-image-amd64")
	if err != nil {
		return "", err
	}
	m := regexp.MustCompile(`Depends: (linux-image-\S+)`).FindSubmatch(out)
	if m == nil {
		return "", fmt.Errorf("apt-cache names no kernel for linux-image-amd64; %s", listsHint)
	}
	return string(m[1]), nil
}

// archive is a package's file as apt would download it.
type archive struct {
	name string // of the file
	line string // what apt says of it: address, name, size and checksum
}

// archives asks apt which version of every package it would download. It doesn't
// touch the network, except for missing lists when we may fetch them.
func archives(ctx context.Context) ([]archive, error) {
	list, err := findArchives(ctx)
	if err != nil && os.Getuid() == 0 {
		if _, err := output(ctx, "", "apt-get", "update", "-q"); err != nil {
			return nil, err
		}
		list, err = findArchives(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("finding the lab's packages: %w; %s", err, listsHint)
	}
	return list, nil
}

func findArchives(ctx context.Context) ([]archive, error) {
	kernel, err := kernelPackage(ctx)
	if err != nil {
		return nil, err
	}
	args := append([]string{"download", "--print-uris", "-q", kernel}, packages...)
	out, err := output(ctx, "", "apt-get", args...)
	if err != nil {
		return nil, err
	}
	var list []archive
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || !strings.HasPrefix(fields[0], "'") {
			continue
		}
		name, err := url.PathUnescape(fields[1])
		if err != nil || filepath.Base(name) != name {
			return nil, fmt.Errorf("apt-get names a file %q", fields[1])
		}
		list = append(list, archive{name: fields[1], line: strings.TrimSpace(line)})
	}
	if len(list) != len(packages)+1 {
		return nil, fmt.Errorf("apt-get knows %d of %d packages", len(list), len(packages)+1)
	}
	return list, nil
}

// download fetches what isn't in dir yet, and removes from it what isn't in the list.
func download(ctx context.Context, dir string, list []archive) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	wanted := map[string]bool{}
	var missing []string
	for _, a := range list {
		wanted[a.name] = true
		if _, err := os.Stat(filepath.Join(dir, a.name)); err == nil {
			continue
		}
		name, rest, _ := strings.Cut(a.name, "_")
		version, _, _ := strings.Cut(rest, "_")
		version, err := url.PathUnescape(version)
		if err != nil {
			return err
		}
		missing = append(missing, name+"="+version)
	}
	if len(missing) > 0 {
		if _, err := output(ctx, dir, "apt-get", append([]string{"download", "-q"}, missing...)...); err != nil {
			return fmt.Errorf("fetching the lab's packages: %w; %s", err, listsHint)
		}
	}
	old, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil {
		return err
	}
	for _, f := range old {
		if !wanted[filepath.Base(f)] {
			if err := os.Remove(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// unpack unpacks the packages into dir.
func unpack(ctx context.Context, debs, dir string, list []archive) error {
	// With the links of a merged /usr all packages agree on where things are.
	for _, d := range []string{"bin", "sbin", "lib"} {
		if err := os.MkdirAll(filepath.Join(dir, "usr", d), 0o755); err != nil {
			return err
		}
		if err := os.Symlink("usr/"+d, filepath.Join(dir, d)); err != nil {
			return err
		}
	}
	for _, a := range list {
		if err := extract(ctx, filepath.Join(debs, a.name), dir); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
	}
	return nil
}

// extract unpacks one package through tar, which keeps a directory's link where the
// package has the directory itself; dpkg-deb would replace it.
func extract(ctx context.Context, deb, dir string) error {
	from := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	to := exec.CommandContext(ctx, "tar", "-x", "--keep-directory-symlink", "--no-same-owner",
		"--exclude=./usr/share", "--exclude=./etc", "-f", "-", "-C", dir)
	var stderr bytes.Buffer
	from.Stderr, to.Stderr = &stderr, &stderr
	pipe, err := from.StdoutPipe()
	if err != nil {
		return err
	}
	to.Stdin = pipe
	if err := from.Start(); err != nil {
		return err
	}
	toErr := to.Run()
	if err := from.Wait(); err != nil || toErr != nil {
		return fmt.Errorf("unpacking: %v, %v: %s", err, toErr, strings.TrimSpace(stderr.String()))
	}
	return nil
}
