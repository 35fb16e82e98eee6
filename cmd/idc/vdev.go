//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/xenidc/idc/runtime/idc"
)

// vdev is the number of a virtual disk: a device number of Linux's, of which those of
// xvda, xvdb and so on, 202<<8 | 16*index, have names (xen/docs/man/
// xen-vbd-interface.7.pandoc).
type vdev int

const xvdMajor, xvdDisks = 202, 16

// UnmarshalText reads 51712 or xvda.
func (v *vdev) UnmarshalText(text []byte) error {
	s := string(text)
	if letter, ok := strings.CutPrefix(s, "xvd"); ok && len(letter) == 1 && letter[0] >= 'a' && letter[0] < 'a'+xvdDisks {
		*v = vdev(xvdMajor<<8 | int(letter[0]-'a')*16)
		return nil
	}
	n, err := strconv.ParseUint(s, 0, 31)
	if err != nil || n == 0 {
		return fmt.Errorf("disk %q: want a number such as 51712, or a name from xvda to xvdp", s)
	}
	*v = vdev(n)
	return nil
}

// String is the name, or the number of a disk that has none.
func (v vdev) String() string {
	if i := int(v) - xvdMajor<<8; i >= 0 && i < 16*xvdDisks && i%16 == 0 {
		return "xvd" + string(rune('a'+i/16))
	}
	return strconv.Itoa(int(v))
}

// assignment is the disk as xl would make it (libxl__device_disk_setdefault and
// device_disk_add, tools/libs/light/libxl_disk.c).
func assignment(back, front idc.DomID, dev vdev, typ, params, mode string) *idc.Assignment {
	return &idc.Assignment{
		Front: front, Back: back, Device: "vbd", Type: typ, Dev: int(dev),
		FrontKeys: map[string]string{"virtual-device": strconv.Itoa(int(dev)), "device-type": "disk", "trusted": "1"},
		BackKeys: map[string]string{
			"dev": dev.String(), "device-type": "disk", "type": "file", "mode": mode, "params": params,
			"removable": "0", "bootable": "1", "discard-enable": "1",
		},
	}
}

// assign makes a disk unless a toolstack has; remove takes back what it made. back says
// that our end is the back end.
func (e *env) assign(ctx context.Context, dom idc.Domain, a *idc.Assignment, back bool) (remove func() error, err error) {
	c, err := e.toolstack(dom)
	if err != nil {
		return nil, err
	}
	end := a.FrontDir()
	if back {
		end = a.BackDir()
	}
	made, err := a.Make(ctx, c, end)
	if errors.Is(err, syscall.EACCES) {
		err = fmt.Errorf("domain %d may not make the device (%w); have the toolstack write:\n  %s", dom.ID(), err, strings.Join(a.Nodes(), "\n  "))
	}
	if err != nil || !made {
		return c.Close, errors.Join(err, closeIf(err != nil, c))
	}
	e.log.Info("made the device", "front", a.FrontDir(), "back", a.BackDir())
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), readyTime)
		defer cancel()
		return errors.Join(a.Remove(ctx, c), c.Close())
	}, nil
}

func closeIf(yes bool, c interface{ Close() error }) error {
	if yes {
		return c.Close()
	}
	return nil
}
