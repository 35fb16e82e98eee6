//go:build linux

package xen

import (
	"fmt"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
)

var (
	_ platform.Announcer = (*grant)(nil)
	_ platform.Announcer = (*mapping)(nil)
)

// Announce rings the peer when the pages are given back to the kernel (gntalloc's
// SET_UNMAP_NOTIFY, xen/gntalloc.h).
func (g *grant) Announce(c platform.Channel) error {
	return g.d.announce(gntalloc, g.index, c)
}

// Announce rings the peer when its pages are unmapped (gntdev's SET_UNMAP_NOTIFY,
// xen/gntdev.h).
func (m *mapping) Announce(c platform.Channel) error {
	index, ok := m.d.maps.index(sys.Address(m.b))
	if !ok {
		return fmt.Errorf("xen: announce an unmapping: %w", platform.ErrClosed)
	}
	return m.d.announce(gntdev, index, c)
}

// announce has the kernel ring c's peer when what lies at index of a device has ended.
func (d *Domain) announce(which device, index uint64, c platform.Channel) error {
	own, ok := c.(*channel)
	if !ok || own.d != d {
		return fmt.Errorf("xen: announce an end: %w: not a channel of this domain's", platform.ErrBadPort)
	}
	if err := d.enter(); err != nil {
		return own.wrap("announce an end", err)
	}
	defer d.leave()
	fd, err := d.devices.open(which)
	if err == nil {
		err = lacking(sys.UnmapNotify(fd, index, own.port))
	}
	if err != nil {
		return own.wrap("announce an end", err)
	}
	return nil
}
