//go:build linux

package xen

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/internal/sys"
)

const defaultDevices = "/dev/xen"

// device is one of the kernel's devices for Xen.
type device int

const (
	evtchn device = iota
	gntalloc
	gntdev
	numDevices
)

var (
	deviceNames   = [numDevices]string{"evtchn", "gntalloc", "gntdev"}
	deviceModules = [numDevices]string{"xen-evtchn", "xen-gntalloc", "xen-gntdev"}
)

// devices are the descriptors that a domain's parts share, opened when they are
// first needed.
type devices struct {
	dir string
	mu  sync.Mutex
	fds [numDevices]int // 0 while it isn't open; the descriptor is one less
}

// open returns the descriptor of a device. The domain is entered.
func (v *devices) open(which device) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if fd := v.fds[which]; fd > 0 {
		return fd - 1, nil
	}
	fd, err := v.another(which)
	if err == nil {
		v.fds[which] = fd + 1
	}
	return fd, err
}

// another opens a device once more, for the caller alone.
func (v *devices) another(which device) (int, error) {
	path := filepath.Join(v.dir, deviceNames[which])
	fd, err := sys.OpenDevice(path)
	if err != nil {
		return -1, explainDevice(path, deviceModules[which], err, onXen())
	}
	return fd, nil
}

func (v *devices) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i, fd := range v.fds {
		if fd > 0 {
			unix.Close(fd - 1)
		}
		v.fds[i] = 0
	}
}

// onXen reports whether this kernel says that it runs on Xen.
func onXen() bool {
	kind, err := os.ReadFile("/sys/hypervisor/type")
	return err == nil && strings.TrimSpace(string(kind)) == "xen"
}

// explainDevice says what to do about a device that can't be opened.
func explainDevice(path, module string, err error, onXen bool) error {
	cause := &fs.PathError{Op: "open", Path: path, Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist) && !onXen, errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return fmt.Errorf("xen: %w: this kernel doesn't run on Xen (/sys/hypervisor/type doesn't say xen); use another platform", cause)
	case errors.Is(err, fs.ErrNotExist) && module == "":
		return fmt.Errorf("xen: %w: no store; start xenstored, or name its socket in XENSTORED_PATH", cause)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("xen: %w: run modprobe %s", cause, module)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("xen: %w: run as root, or let your user in with a udev rule such as "+
			`KERNEL=="xen/%s", MODE="0660", GROUP="xen" (at once: chmod 0660 %s and chgrp)`, cause, filepath.Base(path), path)
	case errors.Is(err, unix.EMFILE):
		return fmt.Errorf("xen: %w: raise the limit of open files (ulimit -n)", errors.Join(lacking(err), cause))
	}
	return fmt.Errorf("xen: %w", cause)
}
