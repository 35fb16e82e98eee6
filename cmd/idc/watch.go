//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/store"
)

// keeper serves what toolstacks assign to us. Each disk fails alone.
type keeper struct {
	*server
	c      *store.Client
	served map[string]*disk  // by the back end's directory
	failed map[string]string // what couldn't be served, by its directory: the nodes that said so
}

// watch serves every disk of our type until ctx ends.
func (s *server) watch(ctx context.Context) error {
	c, err := s.toolstack(s.dom)
	if err != nil {
		return err
	}
	defer c.Close()
	dir := idc.AssignedDir(s.dom.ID(), s.cmd.Type)
	w, err := c.Watch(ctx, dir)
	if err != nil {
		return err
	}
	k := &keeper{server: s, c: c, served: map[string]*disk{}, failed: map[string]string{}}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	s.say(map[string]string{"event": "watching", "directory": dir}, "watching %s", dir)
	for tick := time.NewTicker(measureTime); ; {
		if err := k.reconcile(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.C():
			for ok := true; ok; {
				if _, ok, err = w.Poll(); err != nil {
					return err
				}
			}
		case <-hangup:
			clear(k.failed)
			k.measure()
		case <-tick.C:
			k.measure()
		}
	}
}

func (k *keeper) measure() {
	for _, d := range k.disks {
		d.measure()
	}
}

// reconcile begins to serve what is wanted and ends what isn't any more.
func (k *keeper) reconcile(ctx context.Context) error {
	all, err := idc.Assigned(ctx, k.c, k.dom.ID(), k.cmd.Type)
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for i := range all {
		a := &all[i]
		dir := a.BackDir()
		want, err := idc.Wanted(ctx, k.c, dir)
		if err != nil {
			return err
		}
		if wanted[dir] = want; want && k.served[dir] == nil {
			k.try(ctx, a)
		}
	}
	for dir, d := range k.served {
		if !wanted[dir] {
			k.end(dir, d)
		}
	}
	for dir := range k.failed {
		if !wanted[dir] {
			delete(k.failed, dir)
		}
	}
	return nil
}

// end lets go of a disk.
func (k *keeper) end(dir string, d *disk) {
	err := d.close()
	delete(k.served, dir)
	k.disks = slices.DeleteFunc(k.disks, func(x *disk) bool { return x == d })
	k.log.Info("no longer wanted", "disk", d.name, "directory", dir, "err", err)
}

// try serves a disk, or says in its directory why it can't.
func (k *keeper) try(ctx context.Context, a *idc.Assignment) {
	dir := a.BackDir()
	src, nodes := k.source(ctx, a)
	if k.failed[dir] == nodes {
		return
	}
	err := k.confine(&src)
	if err == nil {
		err = k.serve(ctx, src)
	}
	if err == nil {
		delete(k.failed, dir)
		k.served[dir] = k.disks[len(k.disks)-1]
		return
	}
	k.failed[dir] = nodes
	k.log.Warn("can't serve a disk", "directory", dir, "err", err)
	if err := k.c.Write(ctx, store.NoTx, dir+"/error", err.Error()); err != nil {
		k.log.Warn("can't say so in the store", "err", err)
	}
}

// source reads what the toolstack wants served; nodes is everything that decides it.
func (k *keeper) source(ctx context.Context, a *idc.Assignment) (src source, nodes string) {
	read := func(key string) string {
		v, err := k.c.Read(ctx, store.NoTx, a.BackDir()+"/"+key)
		if err != nil {
			v = ""
		}
		nodes += key + "=" + v + "\n"
		return v
	}
	name := fmt.Sprintf("%d-%s", a.Front, vdev(a.Dev))
	return source{
		name: name, path: plainPath(read("params")), at: a,
		readOnly: k.cmd.ReadOnly || read("mode") == "r",
		discard:  read("discard-enable") != "0",
		cdrom:    read("device-type") == "cdrom",
	}, nodes
}

// plainPath drops what toolstacks write before a path to say what it is.
func plainPath(params string) string {
	for _, kind := range []string{"raw:", "aio:", "file:", "phy:"} {
		params = strings.TrimPrefix(params, kind)
	}
	return params
}

// confine makes sure that the image lies where it may.
func (k *keeper) confine(src *source) error {
	root := k.cmd.Root
	switch {
	case src.path == "":
		return errors.New("the node params is missing: it names the image")
	case root == "" && !filepath.IsAbs(src.path):
		return fmt.Errorf("params is %q: it must be an absolute path, unless --images says where images are", src.path)
	case root == "":
		return nil
	case !filepath.IsAbs(src.path):
		src.path = filepath.Join(root, src.path)
	}
	real, err := filepath.EvalSymlinks(src.path)
	if err != nil {
		return fmt.Errorf("image %s: %w", src.path, err)
	}
	if root, err = filepath.EvalSymlinks(absolute(root)); err != nil {
		return err
	}
	if rel, err := filepath.Rel(root, real); err != nil || !filepath.IsLocal(rel) {
		return fmt.Errorf("image %s lies outside of %s, where --images wants it", src.path, root)
	}
	src.path = real
	return nil
}
