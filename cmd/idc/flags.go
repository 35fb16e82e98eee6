//go:build linux

package main

import (
	"strings"

	"github.com/xenidc/idc/drivers/nbd"
	"github.com/xenidc/idc/runtime/store"
)

// inRange refuses a number that a flag can't have: what is out of range isn't bent
// until it fits.
func inRange(flag string, v, least, most int) error {
	if v < least || v > most {
		return usagef("--%s %d: want %d to %d", flag, v, least, most)
	}
	return nil
}

// Most that the flags may ask for. More than that is a slip of the finger.
const (
	mostWorkers = 1024
	mostQueues  = 64
	mostClients = 65536
	mostOrder   = 4    // of a ring's pages: protocols/blk.idc
	mostPages   = 4096 // of a request: 8 pages of 512 segments
)

// firstOf returns the first error.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// checkName refuses what can't be a disk's name, at once: it is one element of a path
// in the store.
func checkName(name string) error {
	if len(name) > 64 || strings.Contains(name, "/") || !store.ValidPath("/"+name) {
		return usagef("name %q: want 1 to 64 letters, digits, '-', '_' and '@'", name)
	}
	return nil
}

// checkPath refuses what isn't the path of a node.
func checkPath(path string) error {
	if !store.ValidPath(path) {
		return usagef("path %q: want one that begins with / and doesn't end with it, of letters, digits, '-', '_', '@' and single '/'", path)
	}
	return nil
}

// checkPaths refuses what aren't paths of nodes.
func checkPaths(paths []string) error {
	for _, path := range paths {
		if err := checkPath(path); err != nil {
			return err
		}
	}
	return nil
}

// checkAddress refuses an NBD address that can't be one.
func checkAddress(addr string) error {
	if _, _, err := nbd.ParseAddress(addr); err != nil {
		return usageError{err}
	}
	return nil
}
