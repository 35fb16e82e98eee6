//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"

	"github.com/xenidc/idc/runtime/store"
)

type storeCmd struct {
	Ls     storeLsCmd     `cmd:"" help:"List nodes and their values, all levels."`
	List   storeListCmd   `cmd:"" help:"List the names of a node's children."`
	Exists storeExistsCmd `cmd:"" help:"Say by the exit code whether nodes are there."`
	Read   storeReadCmd   `cmd:"" help:"Print values."`
	Write  storeWriteCmd  `cmd:"" help:"Write values, all or none."`
	Mkdir  storeMkdirCmd  `cmd:"" help:"Make nodes without a value, all or none."`
	Rm     storeRmCmd     `cmd:"" help:"Remove nodes with all below them, all or none."`
	Chmod  storeChmodCmd  `cmd:"" help:"Set who owns a node, and who may read and write it."`
	Watch  storeWatchCmd  `cmd:"" help:"Print the paths that change."`
}

// node is one node of the store.
type node struct {
	Path  string   `json:"path"`
	Value string   `json:"value"`
	Perms []string `json:"perms,omitempty"`
}

// withStore runs f with a connection to the store.
func (e *env) withStore(f func(ctx context.Context, c *store.Client) error) error {
	c, err := e.dialStore()
	if err != nil {
		return err
	}
	defer c.Close()
	return explainStore(f(e.ctx, c))
}

// explainStore says what a refusal of the store's means.
func explainStore(err error) error {
	switch {
	case errors.Is(err, syscall.ENOENT):
		return fmt.Errorf("%w; 'idc store ls /' lists what there is", err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w; the node's owner may allow it, and the broker's own user may always", err)
	}
	return err
}

type storeReadCmd struct {
	Paths []string `arg:"" name:"path" help:"Nodes to read."`
}

// Help is shown by 'idc store read --help'.
func (storeReadCmd) Help() string {
	return "Values are printed one a line, binary ones quoted.\n\nExamples:\n  idc store read /local/domain/1/name\n  idc --json store read /local/domain/1/name"
}

// Run prints the values.
func (c *storeReadCmd) Run(e *env) error {
	if err := checkPaths(c.Paths); err != nil {
		return err
	}
	return e.withStore(func(ctx context.Context, cl *store.Client) error {
		for _, path := range c.Paths {
			v, err := cl.Read(ctx, store.NoTx, path)
			if err != nil {
				return err
			}
			e.say(node{Path: path, Value: v}, "%s", printable(v))
		}
		return nil
	})
}

type storeWriteCmd struct {
	Pairs []string `arg:"" name:"path value" help:"Nodes, each with its new value."`
}

// Help is shown by 'idc store write --help'.
func (storeWriteCmd) Help() string {
	return "Missing nodes are made, with those above them.\n\nExamples:\n  idc store write /tool/note hello\n  idc store write /tool/a 1 /tool/b 2"
}

// Run writes the values in one transaction.
func (c *storeWriteCmd) Run(e *env) error {
	if len(c.Pairs)%2 != 0 {
		return usagef("the path %s has no value; write an empty one as ''", c.Pairs[len(c.Pairs)-1])
	}
	for i := 0; i < len(c.Pairs); i += 2 {
		if err := checkPath(c.Pairs[i]); err != nil {
			return err
		}
	}
	return e.withStore(func(ctx context.Context, cl *store.Client) error {
		return cl.Transaction(ctx, func(tx store.Tx) error {
			for i := 0; i < len(c.Pairs); i += 2 {
				if err := cl.Write(ctx, tx, c.Pairs[i], c.Pairs[i+1]); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

type storeRmCmd struct {
	Paths []string `arg:"" name:"path" help:"Nodes to remove."`
	Force bool     `short:"f" help:"Don't mind nodes that aren't there."`
}

// Help is shown by 'idc store rm --help'.
func (storeRmCmd) Help() string {
	return "Examples:\n  idc store rm /tool/note\n  idc store rm -f /tool/a /tool/b"
}

// Run removes the nodes in one transaction.
func (c *storeRmCmd) Run(e *env) error {
	return e.onEach(c.Paths, func(ctx context.Context, cl *store.Client, tx store.Tx, path string) error {
		err := cl.Remove(ctx, tx, path)
		if c.Force && errors.Is(err, syscall.ENOENT) {
			return nil
		}
		return err
	})
}

type storeWatchCmd struct {
	Paths []string `arg:"" name:"path" help:"Nodes to watch, with all below them; also @introduceDomain and @releaseDomain."`
	Count *int     `short:"n" placeholder:"N" help:"End after N events. Each path's first comes at once."`
}

// Help is shown by 'idc store watch --help'.
func (storeWatchCmd) Help() string {
	return "Each path is printed once at once, then whenever it or something below it changes.\n\nExamples:\n  idc store watch /local/domain\n  idc store watch -n 2 @releaseDomain"
}

// Run prints events until it has been told to end.
func (c *storeWatchCmd) Run(e *env) error {
	if c.Count != nil && *c.Count < 1 {
		return usagef("--count %d: want 1 or more", *c.Count)
	}
	for _, path := range c.Paths {
		if path == store.IntroduceDomain || path == store.ReleaseDomain {
			continue
		}
		if err := checkPath(path); err != nil {
			return err
		}
	}
	return e.unlessAsked(e.withStore(func(ctx context.Context, cl *store.Client) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		events, failed := make(chan string), make(chan error, len(c.Paths))
		for _, path := range c.Paths {
			w, err := cl.Watch(ctx, path)
			if err != nil {
				return err
			}
			go follow(ctx, w, events, failed)
		}
		for n := 0; c.Count == nil || n < *c.Count; n++ {
			select {
			case path := <-events:
				e.say(map[string]string{"path": path}, "%s", printable(path))
			case err := <-failed:
				return err
			}
		}
		return nil
	}))
}

// follow passes the events of a watch on.
func follow(ctx context.Context, w *store.Watch, events chan<- string, failed chan<- error) {
	for {
		path, err := w.Next(ctx)
		if err != nil {
			failed <- err
			return
		}
		select {
		case events <- path:
		case <-ctx.Done():
			failed <- ctx.Err()
			return
		}
	}
}

// printable returns text as it is, and anything else quoted: a value may hold what a
// terminal would obey.
func printable(v string) string {
	if q := strconv.Quote(v); q != `"`+v+`"` {
		return q
	}
	return v
}
