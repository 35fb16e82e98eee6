//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/xenidc/idc/drivers/blkback"
	"github.com/xenidc/idc/drivers/image"
	"github.com/xenidc/idc/generated/blk"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/platform"
)

// readyTime is how long serving may take to begin.
const readyTime = 15 * time.Second

// takenTime is how long a name may still be another's: the broker notices a moment
// after its death that a server was killed.
const takenTime = 3 * time.Second

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
	Direct     bool     `help:"Go past this domain's page cache (O_DIRECT), where what holds the image can."`
	Workers    int      `default:"8" help:"Requests of a ring that are carried out at once."`

	backFlags
}

// Help is shown by 'idc blk serve --help'.
func (serveCmd) Help() string {
	return `Each disk serves one front end at a time. A line on standard output says when it can be attached.
SIGINT and SIGTERM end the server: requests that it has taken are finished first. The images are
locked meanwhile, so that no other program writes to them. An image that is made larger or smaller
is noticed within a second, or at once with SIGHUP, and front ends are told.

Under a name a disk is for 'idc blk attach'. With --domain and --vdev it is a disk of that domain,
for Linux's own driver, too; it goes when the server ends, and the server ends when the domain does. With --watch, the nodes "params" (the
image) and "mode" (r or w) of each back end's directory say what to serve. A disk that can't be
served gets a node "error", and is tried again when its nodes change, or with SIGHUP.

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
	defer func() { err = errors.Join(err, s.close()) }()
	if s.dom, err = e.join("idc blk serve"); err != nil {
		return err
	}
	ctx, cancel, err := untilGone(e.ctx, s.dom)
	if err != nil {
		return err
	}
	defer cancel()
	if c.Watch {
		return errors.Join(s.watch(ctx), gone(ctx))
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	if c.Domain != nil {
		if ctx, err = s.whileDomain(ctx, idc.DomID(*c.Domain)); err != nil {
			return err
		}
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for tick := time.NewTicker(measureTime); ; {
		select {
		case <-ctx.Done():
			return gone(ctx)
		case <-tick.C:
		case <-hangup:
		}
		for _, d := range s.disks {
			d.measure()
		}
	}
}

// measureTime is how often an image's size is looked at.
const measureTime = time.Second

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
	_, err := c.disks()
	return err
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
	for _, d := range disks {
		if err := s.serve(ctx, source{name: d.name, path: d.image, readOnly: s.cmd.ReadOnly, discard: true}); err != nil {
			return err
		}
	}
	return nil
}

// startNumbered serves the one disk of a domain.
func (s *server) startNumbered(ctx context.Context) error {
	c := s.cmd
	path, mode := absolute(c.Images[0]), "w"
	if c.ReadOnly {
		mode = "r"
	}
	a := assignment(s.dom.ID(), idc.DomID(*c.Domain), c.Vdev, c.Type, path, mode)
	d, err := s.open(source{name: cmp.Or(c.Name, c.Vdev.String()), path: path, readOnly: c.ReadOnly, discard: true, at: a})
	if err != nil {
		return err
	}
	if s.remove, err = s.assign(ctx, s.dom, a, true); err != nil {
		return errors.Join(err, d.img.Close())
	}
	return s.export(ctx, d)
}

// errDomainEnded says that the domain that a disk was for is no more: there is nothing
// left to do, and the image may be wanted elsewhere.
var errDomainEnded = errors.New("the domain has ended")

// deafTime is for how long a port isn't heard that nobody has a reason to ring.
const deafTime = 100 * time.Millisecond

// whileDomain returns a context that ends with that domain, too. A port that is told to
// nobody tells of its end. The domain could guess it, and ring; that costs us next to
// nothing.
func (s *server) whileDomain(ctx context.Context, id idc.DomID) (context.Context, error) {
	port, err := s.dom.Listen(id)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		var err error
		for err == nil {
			if err = port.Wait(); err == nil {
				time.Sleep(deafTime)
			}
		}
		if errors.Is(err, platform.ErrPeerGone) {
			s.log.Info("the domain has ended", "domain", id)
			cancel(errDomainEnded)
		}
	}()
	return ctx, nil
}

// gone is nil when the command was told to end, or has nothing left to do.
func gone(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.Canceled) || errors.Is(cause, errDomainEnded) {
		return nil
	}
	return cause
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

// server is what serves the disks of one process.
type server struct {
	*env
	cmd    *serveCmd
	dom    idc.Domain
	disks  []*disk
	remove func() error // takes back the nodes that we made; nil if none
}

// source says what is to be served.
type source struct {
	name, path        string
	readOnly, discard bool
	cdrom             bool
	at                *idc.Assignment // nil for a name
}

// disk is an image that is open, and its service.
type disk struct {
	source
	s       *server
	img     *image.Image
	back    *blkback.Back
	service *blk.Service // nil until it is exported
}

// serve opens one image and serves it.
func (s *server) serve(ctx context.Context, src source) error {
	d, err := s.open(src)
	if err != nil {
		return err
	}
	return s.export(ctx, d)
}

func (s *server) open(src source) (*disk, error) {
	img, err := image.Open(src.path, image.Options{ReadOnly: src.readOnly, SectorSize: s.cmd.SectorSize, Direct: s.cmd.Direct})
	if err != nil {
		return nil, err
	}
	return &disk{source: src, s: s, img: img, back: blkback.New(img, s.log.With("disk", src.name))}, nil
}

// export begins to serve a disk, which is the server's from then on.
func (s *server) export(ctx context.Context, d *disk) error {
	opts := append(s.cmd.options(s.env), idc.Workers(s.cmd.Workers))
	if d.at != nil {
		opts = append(opts, idc.Device(d.at.Front, d.at.Dev), idc.BackendType(d.at.Type))
	}
	d.service = blk.Export(s.dom, d.name, d.keys(), d.back, opts...)
	s.disks = append(s.disks, d)
	if err := ready(ctx, d.service.Service); err != nil {
		return fmt.Errorf("serve %s: %w", d.path, err)
	}
	said := serving{Event: "serving", Name: d.name, Image: absolute(d.path), Size: d.img.Size(), Sector: d.img.SectorSize(), ReadOnly: d.img.ReadOnly()}
	to := ""
	if d.at != nil {
		front := int(d.at.Front)
		said.Front, said.Vdev = &front, d.at.Dev
		to = fmt.Sprintf(" to domain %d", front)
	}
	s.say(said, "serving %s%s: %s from %s", d.name, to, size(d.img.Size()), d.path)
	return nil
}

// keys is what the disk publishes.
func (d *disk) keys() blk.BackKeys {
	keys := d.s.cmd.restrict(d.back.Keys())
	keys.FeatureDiscard = keys.FeatureDiscard && d.discard
	if d.cdrom {
		keys.Info |= blk.DiskInfoCdrom
	}
	return keys
}

// measure tells front ends if the image has grown or shrunk.
func (d *disk) measure() {
	changed, err := d.img.Measure()
	if err != nil {
		d.s.log.Debug("measure", "disk", d.name, "err", err)
	}
	if changed {
		d.s.log.Info("the image has another size", "disk", d.name, "size", d.img.Size())
		d.service.Update(d.keys())
	}
}

// close ends the service, which finishes what it has taken, then closes the image.
func (d *disk) close() error {
	return errors.Join(d.service.Close(), d.img.Flush(), d.img.Close())
}

func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
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

// close ends everything, side by side since front ends are waited for.
func (s *server) close() error {
	errs := make([]error, len(s.disks))
	var all sync.WaitGroup
	for i, d := range s.disks {
		all.Go(func() { errs[i] = d.close() })
	}
	all.Wait()
	if s.remove != nil {
		errs = append(errs, s.remove())
	}
	if s.dom != nil {
		errs = append(errs, s.dom.Close())
	}
	return errors.Join(errs...)
}
