//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/xenidc/idc/runtime/idc"
)

type serveCmd struct {
	Images     []string `arg:"" optional:"" name:"image" help:"Disk image, a file or block device; NAME=IMAGE to serve several."`
	Name       string   `short:"n" placeholder:"NAME" help:"Name of the disk, when there is one."`
	Domain     *uint16  `placeholder:"DOMID" help:"Serve the disk to that domain, as --vdev, instead of under a name."`
	Vdev       vdev     `placeholder:"N" help:"Number or name of the disk in the domain: 51712 or xvda. A privileged domain makes it where no toolstack has."`
	Watch      bool     `help:"Serve every disk that a toolstack assigns to our type of back end in this domain, as they come and go."`
	Type       string   `name:"backend-type" default:"idcvbd" placeholder:"TYPE" help:"Type of back end that --vdev and --watch serve."`
	Root       string   `name:"images" placeholder:"DIR" help:"With --watch, serve nothing that lies outside of DIR."`
	ReadOnly   bool     `short:"r" help:"Refuse every change."`
	SectorSize int      `placeholder:"BYTES" help:"512 or 4096 (default: the device's own, or 512)."`
	Format     string   `enum:"auto,raw" default:"auto" placeholder:"NAME" help:"Serve what plainly is an image of another format, as qcow2, as it is: raw. With auto it is refused."`
	Shared     bool     `help:"Serve images that others may be using: lock nothing, and open no device for ourselves alone."`
	Direct     bool     `help:"Go past this domain's page cache (O_DIRECT), where what holds the image can."`
	Workers    int      `default:"8" help:"Requests of a ring that are carried out at once."`

	backFlags
}

// Help is shown by 'idc blk serve --help'.
func (serveCmd) Help() string {
	return `Each disk serves one front end at a time. A line on standard output says when it can be attached.
SIGINT and SIGTERM end the server: requests that it has taken are finished first. The images are
locked meanwhile, and devices opened exclusively, so that no other program writes to them; what is
mounted, or served by another name, is refused, unless --shared. An image that is made larger or smaller
is noticed within a second, or at once with SIGHUP, and front ends are told. One that ends within a
sector can be served with --read-only. What plainly is qcow2, VHD or the like is no raw image, and
served only with --format raw.

Under a name a disk is for 'idc blk attach'. With --domain and --vdev it is a disk of that domain,
for Linux's own driver, too; it goes when the server ends, and the server ends when the domain
does. With --watch, the nodes "params" (the image) and "mode" (who may write has a w in it) of
each back end's directory say what to serve; no disk waits for another. A disk that can't be
served gets a node "error", and is tried again: at once when its nodes change or with SIGHUP.

Examples:
  idc blk serve --name root root.img
  idc blk serve --read-only --name dvd debian.iso
  idc blk serve root=root.img data=/dev/sdb swap=swap.img
  idc blk serve --platform xen --domain 3 --vdev xvda root.img
  idc blk serve --platform xen --watch --images /srv/disks`
}

// serving is what is said about a disk that can be attached.
type serving struct {
	Event    string `json:"event"` // serving
	Name     string `json:"name"`
	Image    string `json:"image"`
	Size     int64  `json:"size"`
	Sector   int    `json:"sector_size"`
	ReadOnly bool   `json:"read_only"`
	Front    *int   `json:"front,omitempty"` // domain, of a disk with a number
	Vdev     int    `json:"vdev,omitempty"`
}

// Run serves until it is told to end.
func (c *serveCmd) Run(e *env) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	s := &server{env: e, cmd: c}
	defer func() { err = errors.Join(e.unlessAsked(err), s.close()) }()
	if s.dom, err = e.join("idc blk serve"); err != nil {
		return err
	}
	ctx, cancel, err := untilGone(e.ctx, s.dom, c.Vdev == 0 && !c.Watch)
	if err != nil {
		return err
	}
	defer cancel()
	if c.Watch {
		return because(ctx, s.watch(ctx))
	}
	if err := s.start(ctx); err != nil {
		return because(ctx, err)
	}
	if c.Domain != nil {
		if ctx, err = s.whileDomain(ctx, idc.DomID(*c.Domain)); err != nil {
			return err
		}
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return gone(ctx)
		case <-hangup:
		}
		for _, d := range s.disks {
			d.look()
		}
	}
}

// check makes sense of the flags.
func (c *serveCmd) check() error {
	numbered := c.Vdev != 0
	switch {
	case numbered != (c.Domain != nil):
		return usagef("--domain and --vdev go together: the domain that gets the disk, and the disk's number there")
	case c.Watch && (numbered || c.Name != "" || len(c.Images) > 0):
		return usagef("with --watch, the toolstack says what to serve: leave images, --name and --vdev away")
	case !c.Watch && c.Root != "":
		return usagef("--images is for --watch")
	case numbered && len(c.Images) != 1:
		return usagef("--vdev serves one image, and there are %d", len(c.Images))
	case !c.Watch && len(c.Images) == 0:
		return usagef("which image? or write --watch")
	}
	if c.SectorSize != 0 && c.SectorSize != 512 && c.SectorSize != 4096 {
		return usagef("--sector-size %d: want 512 or 4096", c.SectorSize)
	}
	disks, err := c.disks()
	for _, d := range disks {
		err = firstOf(err, checkName(d.name))
	}
	return firstOf(err, inRange("workers", c.Workers, 1, mostWorkers), c.backFlags.check())
}

// start serves the disks of the command line.
func (s *server) start(ctx context.Context) error {
	if s.cmd.Vdev != 0 {
		return s.startNumbered(ctx)
	}
	disks, err := s.cmd.disks()
	if err != nil {
		return err
	}
	for _, n := range disks {
		d, err := s.serve(ctx, source{name: n.name, path: n.image, readOnly: s.cmd.ReadOnly, discard: true, format: s.cmd.format("")})
		if err != nil {
			return err
		}
		s.disks = append(s.disks, d)
	}
	return nil
}

// named is an image and the name that it is served under.
type named struct{ name, image string }

// disks reads the arguments.
func (c *serveCmd) disks() ([]named, error) {
	if c.Watch || c.Vdev != 0 {
		return nil, nil
	}
	if c.Name != "" {
		if len(c.Images) > 1 {
			return nil, usagef("--name names one disk, and there are %d images; write NAME=IMAGE for each instead", len(c.Images))
		}
		return []named{{c.Name, c.Images[0]}}, nil
	}
	var disks []named
	seen := map[string]bool{}
	for _, arg := range c.Images {
		name, path, ok := strings.Cut(arg, "=")
		if !ok || name == "" || path == "" {
			return nil, usagef("%q has no name; write --name NAME, or NAME=IMAGE", arg)
		}
		if seen[name] {
			return nil, usagef("the name %q is given twice", name)
		}
		seen[name] = true
		disks = append(disks, named{name, path})
	}
	return disks, nil
}

func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}
