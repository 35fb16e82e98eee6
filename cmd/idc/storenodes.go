//go:build linux

package main

import (
	"context"
	"slices"

	"github.com/xenidc/idc/runtime/store"
)

type storeListCmd struct {
	Path string `arg:"" optional:"" default:"/" help:"Node whose children are listed."`
}

// Help is shown by 'idc store list --help'.
func (storeListCmd) Help() string {
	return "Unlike ls it prints names alone, of one level.\n\nExamples:\n  idc store list /local/domain\n  for d in $(idc store list /local/domain); do idc store read /local/domain/$d/name; done"
}

// Run prints the names of a node's children.
func (c *storeListCmd) Run(e *env) error {
	if err := checkPath(c.Path); err != nil {
		return err
	}
	return e.withStore(func(ctx context.Context, cl *store.Client) error {
		names, err := cl.List(ctx, store.NoTx, c.Path)
		slices.Sort(names)
		for _, name := range names {
			e.say(map[string]string{"name": name}, "%s", printable(name))
		}
		return err
	})
}

type storeExistsCmd struct {
	Paths []string `arg:"" name:"path" help:"Nodes that may be there."`
}

// Help is shown by 'idc store exists --help'.
func (storeExistsCmd) Help() string {
	return "The exit code is the answer: 0 if all are there, 1 if not, without a word.\n\nExamples:\n  if idc store exists /local/domain/1; then echo it lives; fi"
}

// Run says whether all nodes are there.
func (c *storeExistsCmd) Run(e *env) error {
	if err := checkPaths(c.Paths); err != nil {
		return err
	}
	return e.withStore(func(ctx context.Context, cl *store.Client) error {
		all := true
		for _, path := range c.Paths {
			there, err := cl.Exists(ctx, store.NoTx, path)
			if err != nil {
				return err
			}
			if e.json {
				e.printJSON(map[string]any{"path": path, "exists": there})
			}
			all = all && there
		}
		if !all {
			return errSilent
		}
		return nil
	})
}

type storeMkdirCmd struct {
	Paths []string `arg:"" name:"path" help:"Nodes to make, with an empty value."`
}

// Help is shown by 'idc store mkdir --help'.
func (storeMkdirCmd) Help() string {
	return "Nodes above them are made, too. One that is there stays as it is.\n\nExamples:\n  idc store mkdir /tool/mine"
}

// Run makes nodes in one transaction.
func (c *storeMkdirCmd) Run(e *env) error {
	return e.onEach(c.Paths, func(ctx context.Context, cl *store.Client, tx store.Tx, path string) error {
		return cl.Mkdir(ctx, tx, path)
	})
}

type storeChmodCmd struct {
	Path      string   `arg:"" help:"Node whose permissions are set."`
	Perms     []string `arg:"" name:"permission" help:"The owner first, then other domains: a letter and a domain's number. n nothing, r read, w write, b both; the owner's letter is what everybody else may."`
	Recursive bool     `short:"r" help:"Set those of all nodes below, too."`
}

// Help is shown by 'idc store chmod --help'.
func (storeChmodCmd) Help() string {
	return "Permissions are written as xenstore-chmod has them.\n\nExamples:\n  idc store chmod /tool/mine n0 r5\n  idc store chmod -r /tool/mine r0"
}

// Run sets permissions in one transaction.
func (c *storeChmodCmd) Run(e *env) error {
	var perms []store.Perm
	for _, text := range c.Perms {
		p, err := store.ParsePerm(text)
		if err != nil {
			return usageError{err}
		}
		perms = append(perms, p)
	}
	return e.onEach([]string{c.Path}, func(ctx context.Context, cl *store.Client, tx store.Tx, path string) error {
		return chmod(ctx, cl, tx, path, perms, c.Recursive)
	})
}

// chmod sets the permissions of a node, after those of the nodes below it if deep.
func chmod(ctx context.Context, cl *store.Client, tx store.Tx, path string, perms []store.Perm, deep bool) error {
	if deep {
		names, err := cl.List(ctx, tx, path)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := chmod(ctx, cl, tx, childPath(path, name), perms, deep); err != nil {
				return err
			}
		}
	}
	return cl.SetPerms(ctx, tx, path, perms...)
}

// onEach does something with each of some nodes in one transaction: with all or none.
func (e *env) onEach(paths []string, f func(ctx context.Context, c *store.Client, tx store.Tx, path string) error) error {
	if err := checkPaths(paths); err != nil {
		return err
	}
	return e.withStore(func(ctx context.Context, c *store.Client) error {
		return c.Transaction(ctx, func(tx store.Tx) error {
			for _, path := range paths {
				if err := f(ctx, c, tx, path); err != nil {
					return err
				}
			}
			return nil
		})
	})
}
