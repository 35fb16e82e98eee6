//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/xenidc/idc/drivers/image"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/store"
)

// source says what is to be served.
type source struct {
	name, path        string
	readOnly, discard bool
	cdrom             bool
	format            string          // image.Raw, or "" to refuse what plainly isn't
	at                *idc.Assignment // nil for a name
}

// source reads what the toolstack wants served; nodes is everything that
// decides it.
func (k *keeper) source(ctx context.Context, a *idc.Assignment) (src source, nodes string, err error) {
	values := map[string]string{}
	for _, key := range []string{"params", "mode", "discard-enable", "device-type"} {
		v, err := k.c.Read(ctx, store.NoTx, a.BackDir()+"/"+key)
		if err != nil && !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.EACCES) {
			return source{}, "", err
		}
		values[key] = v
		nodes += key + "=" + v + "\n"
	}
	return source{
		name: fmt.Sprintf("%d-%s", a.Front, vdev(a.Dev)), path: plainPath(values["params"]), at: a,
		// As Linux has it (xen_vbd_create, drivers/block/xen-blkback/xenbus.c).
		readOnly: k.cmd.ReadOnly || !strings.Contains(values["mode"], "w"),
		discard:  values["discard-enable"] != "0",
		cdrom:    values["device-type"] == "cdrom",
		format:   k.cmd.format(values["params"]),
	}, nodes, nil
}

// format is what an image is taken for. A toolstack may say it, too.
func (c *serveCmd) format(params string) string {
	if c.Format == image.Raw || strings.HasPrefix(params, image.Raw+":") {
		return image.Raw
	}
	return ""
}

// plainPath drops what toolstacks write before a path to say that it is a raw image.
func plainPath(params string) string {
	for _, kind := range []string{"raw:", "aio:", "file:", "phy:"} {
		params = strings.TrimPrefix(params, kind)
	}
	return params
}

// otherFormats are what toolstacks write before the path of an image that isn't raw
// (libxl__device_disk_string_of_format, tools/libs/light/libxl_device.c; blktap's).
var otherFormats = []string{"qcow", "qcow2", "vhd", "qed", "vmdk", "vdi"}

// confine makes sure that the image lies where it may.
func (k *keeper) confine(src *source) error {
	root := k.cmd.Root
	format, _, _ := strings.Cut(src.path, ":")
	switch {
	case src.path == "":
		return errors.New("the node params is missing: it names the image")
	case format != src.path && slices.Contains(otherFormats, format):
		return fmt.Errorf("params is %q: only raw images are served; 'qemu-img convert -O raw' makes one", src.path)
	case root == "" && !filepath.IsAbs(src.path):
		return fmt.Errorf("params is %q: it must be an absolute path, unless --images says where images are", src.path)
	case root == "":
		return nil
	case !filepath.IsAbs(src.path):
		src.path = filepath.Join(root, src.path)
	}
	real, err := filepath.EvalSymlinks(src.path)
	if p := new(fs.PathError); errors.As(err, &p) {
		err = p.Err // the path is told already
	}
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
