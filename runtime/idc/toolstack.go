package idc

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
)

// Assignment is a device that a toolstack makes: it gives one domain the front end and
// another the back end. On Xen xl does so for the types that it knows; this is for
// those that it doesn't. The store lets only privileged domains do it.
type Assignment struct {
	Front, Back platform.DomID
	Device      string // the front end's kind of device, "vbd"
	Type        string // the back end's type: see BackendType
	Dev         int    // number of the device, for disks 51712 is xvda
	// FrontKeys and BackKeys are what the protocol wants of its toolstack, besides
	// those that all devices have.
	FrontKeys, BackKeys map[string]string
}

// FrontDir is the front end's directory.
func (a *Assignment) FrontDir() string { return frontPath(a.Device, a.Front, a.Dev) }

// BackDir is the back end's directory.
func (a *Assignment) BackDir() string { return backPath(a.Type, a.Back, a.Front, a.Dev) }

// Make writes the device's nodes, all or none, unless the end that is asked for,
// FrontDir or BackDir, is there already: then a toolstack has made it, and made is
// false. It fails with syscall.EACCES where that isn't ours to do.
func (a *Assignment) Make(ctx context.Context, c *store.Client, end string) (made bool, err error) {
	err = c.Transaction(ctx, func(tx store.Tx) error {
		made = false
		if there, err := c.Exists(ctx, tx, end+"/state"); there || err != nil && !errors.Is(err, syscall.EACCES) {
			return err
		}
		if err := fillDevice(ctx, c, tx, a.Back, a.Front, a.BackDir(), a.backKeys()); err != nil {
			return err
		}
		made = true
		return fillDevice(ctx, c, tx, a.Front, a.Back, a.FrontDir(), a.frontKeys())
	})
	if err != nil {
		return false, fmt.Errorf("make the device %s: %w", a.FrontDir(), err)
	}
	return made, nil
}

// Remove removes both directories, and those above them that this leaves empty.
func (a *Assignment) Remove(ctx context.Context, c *store.Client) error {
	return errors.Join(removeDevice(ctx, c, a.FrontDir()), removeDevice(ctx, c, a.BackDir()))
}

// Nodes lists what Make writes, for a toolstack that has to do it: one "path value" a
// line.
func (a *Assignment) Nodes() []string {
	var lines []string
	for _, d := range []struct {
		dir  string
		keys *KeyWriter
	}{{a.FrontDir(), a.frontKeys()}, {a.BackDir(), a.backKeys()}} {
		for _, k := range d.keys.keys {
			lines = append(lines, d.dir+"/"+k.name+" "+k.value)
		}
	}
	return lines
}

// frontKeys are those that libxl writes (libxl__device_generic_add,
// tools/libs/light/libxl_device.c).
func (a *Assignment) frontKeys() *KeyWriter {
	w := new(KeyWriter)
	w.Text("backend", a.BackDir())
	w.Uint("backend-id", uint64(a.Back))
	w.all(a.FrontKeys)
	w.Text("state", store.StateInitialising.Value())
	return w
}

func (a *Assignment) backKeys() *KeyWriter {
	w := new(KeyWriter)
	w.Text("frontend", a.FrontDir())
	w.Uint("frontend-id", uint64(a.Front))
	w.Uint("online", 1)
	w.all(a.BackKeys)
	w.Text("state", store.StateInitialising.Value())
	return w
}

// Assigned lists the devices that toolstacks have assigned to back ends of our domain
// with the given type, in the directory that AssignedDir names. Front ends' kind of
// device, and keys, aren't filled in.
func Assigned(ctx context.Context, c *store.Client, own platform.DomID, typ string) ([]Assignment, error) {
	var all []Assignment
	dir := AssignedDir(own, typ)
	fronts, err := listOf(ctx, c, dir)
	if err != nil {
		return nil, err
	}
	for _, front := range fronts {
		f, err := strconv.ParseUint(front, 10, 16)
		if err != nil {
			continue
		}
		devs, err := listOf(ctx, c, dir+"/"+front)
		if err != nil {
			return nil, err
		}
		for _, dev := range devs {
			if n, err := strconv.ParseUint(dev, 10, 31); err == nil && dev == strconv.Itoa(int(n)) {
				all = append(all, Assignment{Front: platform.DomID(f), Back: own, Type: typ, Dev: int(n)})
			}
		}
	}
	return all, nil
}

// AssignedDir is the directory in which the devices of one type of back end are.
func AssignedDir(own platform.DomID, typ string) string {
	return store.DomainPath(own) + "/backend/" + typ
}

// listOf lists a directory that may not be there.
func listOf(ctx context.Context, c *store.Client, dir string) ([]string, error) {
	names, err := c.List(ctx, store.NoTx, dir)
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EACCES) {
		return nil, nil
	}
	return names, err
}

// Wanted reports whether the toolstack wants the back end in dir to serve: the
// directory is there and isn't closed for good, and so is the front end's. The store
// removes a domain's directories when it ends, and nobody else's with them.
func Wanted(ctx context.Context, c *store.Client, dir string) (bool, error) {
	s, err := readState(ctx, c, dir)
	if err != nil || s == store.StateUnknown {
		return false, err
	}
	online, err := isOnline(ctx, c, dir)
	if err != nil || !online && s == store.StateClosed {
		return false, err
	}
	front, err := c.Read(ctx, store.NoTx, dir+"/frontend")
	if errors.Is(err, syscall.ENOENT) || err == nil && !store.ValidPath(front) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s, err = readState(ctx, c, front)
	return s != store.StateUnknown, err
}
