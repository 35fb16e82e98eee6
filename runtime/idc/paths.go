package idc

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
)

// Discovery by name. A service claims a directory of its own, and a front end asks
// to be served by creating a node in it; then both make their device directories,
// each in its own subtree, as a toolstack does on Xen:
//
//	/idc/DEVICE@NAME                        the back end's domid; owned by it
//	/idc/DEVICE@NAME/fronts/F-DEV           made and owned by front end F
//	/idc/DEVICE@NAME/full                   why front ends have to wait, if they have to
//	/local/domain/F/device/DEVICE/DEV       the front end's keys and state
//	/local/domain/B/backend/DEVICE/F/DEV    the back end's keys and state
//
// Nothing in a node of fronts/ is believed but who owns it, which the store says. Both
// /idc and fronts/ are directories in which domains meet that don't trust each other: see
// store.Shared.
//
// DEVICE is not a directory: the domain that made it would own it, and take
// everybody's services along when it ends.
func servicePath(device, name string) string { return store.ServicesDir + "/" + device + "@" + name }

// fullKey is in a service's directory while it serves as many front ends as it may.
const fullKey = "full"

func frontPath(device string, front platform.DomID, dev int) string {
	return fmt.Sprintf("/local/domain/%d/device/%s/%d", front, device, dev)
}

func backPath(device string, back, front platform.DomID, dev int) string {
	return fmt.Sprintf("/local/domain/%d/backend/%s/%d/%d", back, device, front, dev)
}

func requestPath(device, name string, front platform.DomID, dev int) string {
	return fmt.Sprintf("%s/fronts/%d-%d", servicePath(device, name), front, dev)
}

// parseRequest splits the name of a node of fronts/. A device has one such name:
// numbers with leading zeros are none.
func parseRequest(node string) (front platform.DomID, dev int, ok bool) {
	f, d, found := strings.Cut(node, "-")
	n, err1 := strconv.ParseUint(f, 10, 16)
	m, err2 := strconv.ParseUint(d, 10, 31)
	ok = found && err1 == nil && err2 == nil && node == fmt.Sprintf("%d-%d", n, m)
	return platform.DomID(n), int(m), ok
}

// validName reports whether a service may be called so: it becomes one element of a
// path in the store.
func validName(name string) error {
	const most = 64
	if name == "" || len(name) > most {
		return fmt.Errorf("name %q: must have 1 to %d characters", name, most)
	}
	for _, c := range name {
		if c > 'z' || !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_@", c) {
			return fmt.Errorf("name %q: %q is not allowed; use letters, digits, '-', '_' and '@'", name, c)
		}
	}
	return nil
}

// readState reads the state below dir; a node that isn't there is StateUnknown.
func readState(ctx context.Context, c *store.Client, dir string) (store.State, error) {
	v, err := c.Read(ctx, store.NoTx, dir+"/state")
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EACCES) {
		return store.StateUnknown, nil
	}
	if err != nil {
		return store.StateUnknown, err
	}
	return store.ParseState(v), nil
}

// isOnline reports whether the toolstack wants the back end at dir to stay, which it
// does unless its key "online" is 0 (xenbus_dev_is_online,
// drivers/xen/xenbus/xenbus_probe_backend.c).
func isOnline(ctx context.Context, c *store.Client, dir string) (bool, error) {
	v, err := c.Read(ctx, store.NoTx, dir+"/online")
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EACCES) {
		return true, nil
	}
	return v != "0", err
}

// switchState writes the state below dir, with keys, in one transaction, but only
// where there is a state already: a directory that was removed is not brought back.
func switchState(ctx context.Context, c *store.Client, dir string, s store.State, keys *KeyWriter) error {
	return c.Transaction(ctx, func(tx store.Tx) error {
		if _, err := c.Read(ctx, tx, dir+"/state"); err != nil {
			return err
		}
		if keys != nil {
			if err := keys.write(ctx, c, tx, dir); err != nil {
				return err
			}
		}
		return c.Write(ctx, tx, dir+"/state", s.Value())
	})
}

// makeDevice creates a device directory of ours that peer may read.
func makeDevice(ctx context.Context, c *store.Client, own, peer platform.DomID, dir string, keys *KeyWriter) error {
	return c.Transaction(ctx, func(tx store.Tx) error {
		return fillDevice(ctx, c, tx, own, peer, dir, keys)
	})
}

// fillDevice creates a device directory of owner's that peer may read.
func fillDevice(ctx context.Context, c *store.Client, tx store.Tx, owner, peer platform.DomID, dir string, keys *KeyWriter) error {
	if err := c.Remove(ctx, tx, dir); err != nil && !errors.Is(err, syscall.ENOENT) {
		return err
	}
	if err := c.Mkdir(ctx, tx, dir); err != nil {
		return err
	}
	perms := []store.Perm{{Dom: owner, Rights: store.PermNone}, {Dom: peer, Rights: store.PermRead}}
	if err := c.SetPerms(ctx, tx, dir, perms...); err != nil {
		return err
	}
	return keys.write(ctx, c, tx, dir)
}

// removeDevice removes a device directory of ours and the directories above it that
// it leaves empty, up to the domain's own.
func removeDevice(ctx context.Context, c *store.Client, dir string) error {
	return c.Transaction(ctx, func(tx store.Tx) error {
		dir := dir // it may have to begin again
		for depth := strings.Count(dir, "/"); depth > strings.Count("/local/domain/0", "/"); depth-- {
			if err := c.Remove(ctx, tx, dir); err != nil && !errors.Is(err, syscall.ENOENT) {
				return err
			}
			dir = parentDir(dir)
			if rest, err := c.List(ctx, tx, dir); err != nil || len(rest) > 0 {
				break
			}
		}
		return nil
	})
}

// parentDir is the path above dir.
func parentDir(dir string) string { return dir[:strings.LastIndexByte(dir, '/')] }
