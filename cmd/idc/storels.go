//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/xenidc/idc/runtime/store"
)

// maxDepth bounds how deep a listing goes. The store allows paths of 3071 bytes.
const maxDepth = 1536

type storeLsCmd struct {
	Path  string `arg:"" optional:"" default:"/" help:"Node to begin with."`
	Perms bool   `short:"p" help:"Print the owner and the permissions of each node too."`
	Depth *int   `short:"d" placeholder:"N" help:"Go N levels down only."`
}

// Help is shown by 'idc store ls --help'.
func (storeLsCmd) Help() string {
	return "Examples:\n  idc store ls\n  idc store ls -p /local/domain/1\n  idc --json store ls /idc"
}

// Run lists the nodes below a path.
func (c *storeLsCmd) Run(e *env) error {
	path := c.Path
	if path != "/" {
		path = strings.TrimRight(path, "/")
	}
	if err := checkPath(path); err != nil {
		return err
	}
	depth := maxDepth
	if c.Depth != nil {
		if *c.Depth < 1 {
			return usagef("--depth %d: want 1 or more", *c.Depth)
		}
		depth = min(*c.Depth, maxDepth)
	}
	return e.withStore(func(ctx context.Context, cl *store.Client) error {
		l := lister{env: e, client: cl, perms: c.Perms}
		return l.list(ctx, path, depth)
	})
}

// lister prints nodes.
type lister struct {
	*env
	client *store.Client
	perms  bool
}

// list prints what is below path, depth first, in order. A node that disappears on the
// way, or that isn't ours to read, is passed over.
func (l *lister) list(ctx context.Context, path string, depth int) error {
	names, err := l.client.List(ctx, store.NoTx, path)
	if err != nil || depth == 0 {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		below := childPath(path, name)
		err := l.print(ctx, below)
		if err == nil {
			err = l.list(ctx, below, depth-1)
		}
		if err != nil && !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.EACCES) {
			return err
		}
	}
	return nil
}

// childPath is the path of a node's child.
func childPath(path, name string) string { return strings.TrimSuffix(path, "/") + "/" + name }

// print prints one node.
func (l *lister) print(ctx context.Context, path string) error {
	v, err := l.client.Read(ctx, store.NoTx, path)
	if err != nil {
		return err
	}
	n := node{Path: path, Value: v}
	if l.perms {
		perms, err := l.client.Perms(ctx, store.NoTx, path)
		if err != nil {
			return err
		}
		for _, p := range perms {
			n.Perms = append(n.Perms, p.String())
		}
	}
	l.say(n, "%s", n.line())
	return nil
}

// line is the node for people.
func (n node) line() string {
	line := printable(n.Path) + " = " + strconv.Quote(n.Value)
	if len(n.Perms) > 0 {
		line += fmt.Sprintf("   (%s)", strings.Join(n.Perms, ","))
	}
	return line
}
