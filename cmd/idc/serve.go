//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/xenidc/idc/drivers/blkback"
	"github.com/xenidc/idc/drivers/image"
	"github.com/xenidc/idc/generated/blk"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/platform/host"
)

// readyTime is how long serving may take to begin.
const readyTime = 15 * time.Second

// takenTime is how long a name may still be another's: the broker notices a moment
// after its death that a server was killed.
const takenTime = 3 * time.Second

type serveCmd struct {
	Images     []string `arg:"" name:"image" help:"Disk image, a file or block device; NAME=IMAGE to serve several."`
	Name       string   `short:"n" placeholder:"NAME" help:"Name of the disk, when there is one."`
	ReadOnly   bool     `short:"r" help:"Refuse every change."`
	SectorSize int      `placeholder:"BYTES" help:"512 or 4096 (default: the device's own, or 512)."`
	Workers    int      `default:"8" help:"Requests of a ring that are carried out at once."`
	Queues     int      `default:"4" help:"Most rings that a front end may have."`
}

// Help is shown by 'idc blk serve --help'.
func (serveCmd) Help() string {
	return `Each disk serves one front end at a time. A line on standard output says when it can be attached.
SIGINT and SIGTERM end the server: requests that it has taken are finished first. The images are
locked meanwhile, so that no other program writes to them.

Examples:
  idc blk serve --name root root.img
  idc blk serve --read-only --name dvd debian.iso
  idc blk serve root=root.img data=/dev/sdb swap=swap.img`
}

// serving is what is said about a disk that can be attached.
type serving struct {
	Event    string `json:"event"` // serving
	Name     string `json:"name"`
	Image    string `json:"image"`
	Size     int64  `json:"size"`
	Sector   int    `json:"sector_size"`
	ReadOnly bool   `json:"read_only"`
}

// Run serves until it is told to end.
func (c *serveCmd) Run(e *env) (err error) {
	disks, err := c.disks()
	if err != nil {
		return err
	}
	s := server{env: e, cmd: c}
	defer func() { err = errors.Join(err, s.close()) }()
	if s.dom, err = e.join("idc blk serve"); err != nil {
		return err
	}
	ctx, cancel, err := untilGone(e.ctx, s.dom)
	if err != nil {
		return err
	}
	defer cancel()
	for _, d := range disks {
		if err := s.serve(ctx, d.name, d.image); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return gone(ctx)
}

// gone is nil when the command was told to end.
func gone(ctx context.Context) error {
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// named is an image and the name that it is served under.
type named struct{ name, image string }

// disks reads the arguments.
func (c *serveCmd) disks() ([]named, error) {
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

// server is what serves the disks of one process.
type server struct {
	*env
	cmd      *serveCmd
	dom      *host.Domain
	services []*idc.Service
	images   []*image.Image
}

// serve opens one image and serves it.
func (s *server) serve(ctx context.Context, name, path string) error {
	img, err := image.Open(path, image.Options{ReadOnly: s.cmd.ReadOnly, SectorSize: s.cmd.SectorSize})
	if err != nil {
		return err
	}
	s.images = append(s.images, img)
	back := blkback.New(img, s.log.With("disk", name))
	service := blk.Export(s.dom, name, back.Keys(), back, idc.Workers(s.cmd.Workers), idc.Queues(s.cmd.Queues),
		idc.RingOrder(ringOrder), idc.Fronts(1), idc.Logger(s.log))
	s.services = append(s.services, service)
	if err := ready(ctx, service); err != nil {
		return fmt.Errorf("serve %s: %w", path, err)
	}
	full, err := filepath.Abs(path)
	if err != nil {
		full = path
	}
	s.say(serving{"serving", name, full, img.Size(), img.SectorSize(), img.ReadOnly()},
		"serving %s: %s from %s", name, size(img.Size()), path)
	return nil
}

// ready waits until the service has its name.
func ready(ctx context.Context, service *idc.Service) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := service.Ready(ctx)
		if !errors.Is(err, idc.ErrTaken) {
			return err
		}
		if time.Since(start) > takenTime {
			return fmt.Errorf("%w; end that server, or choose another name", err)
		}
	}
}

// close ends everything, the services first: they finish what they have taken.
func (s *server) close() error {
	var errs []error
	for _, service := range s.services {
		errs = append(errs, service.Close())
	}
	for _, img := range s.images {
		errs = append(errs, img.Flush(), img.Close())
	}
	if s.dom != nil {
		errs = append(errs, s.dom.Close())
	}
	return errors.Join(errs...)
}
