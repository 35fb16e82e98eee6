//go:build linux

package main

import (
	"context"
	"errors"
	"time"

	"github.com/xenidc/idc/drivers/blkfront"
	"github.com/xenidc/idc/drivers/nbd"
	"github.com/xenidc/idc/generated/blk"
	"github.com/xenidc/idc/runtime/idc"
)

// grace is how long requests in flight may take when the command is told to end. They
// take longer only if the disk's server has gone.
const grace = 5 * time.Second

type attachCmd struct {
	Name    string        `short:"n" placeholder:"NAME" help:"Name that the disk is served under; with --vdev, what NBD clients call it."`
	Backend *uint16       `placeholder:"DOMID" help:"Domain that serves the disk, with --vdev."`
	Vdev    vdev          `placeholder:"N" help:"Number of the disk that a toolstack made for this domain, or its name: 51712 or xvda. A privileged domain makes it where it isn't there."`
	Type    string        `name:"backend-type" default:"idcvbd" placeholder:"TYPE" help:"Back end's type of a disk that is made; Linux's driver serves vbd."`
	Params  string        `placeholder:"TEXT" help:"What the back end shall serve of a disk that is made: an image."`
	NBD     string        `name:"nbd" required:"" placeholder:"ADDRESS" help:"Where NBD clients come: unix:PATH or tcp:HOST:PORT. Whoever reaches it may use the disk."`
	Wait    time.Duration `default:"10s" help:"How long to wait for the disk to be served."`
	Clients int           `default:"16" help:"Most NBD clients at once."`

	ServerUID []uint32 `name:"server-uid" placeholder:"UID" help:"Connect to servers of these users alone (default: of the user whose server was the first)."`
	AnyServer bool     `help:"Connect to whoever serves the disk, also if another user did before."`

	frontFlags
}

// Help is shown by 'idc blk attach --help'.
func (attachCmd) Help() string {
	return `A line on standard output tells the NBD URI when clients may come. When the server of the disk
ends or dies, or the broker does, requests wait until it is there again. SIGINT and SIGTERM end the command: requests
in flight are finished first.

Examples:
  idc blk attach --name root --nbd unix:/tmp/root.sock
  idc blk attach --platform xen --backend 0 --vdev xvda --nbd unix:/tmp/root.sock
  nbdcopy 'nbd+unix:///root?socket=/tmp/root.sock' copy.img
  qemu-system-x86_64 -drive 'format=raw,file=nbd+unix:///root?socket=/tmp/root.sock'`
}

// attached is what is said about a disk that NBD clients can use.
type attached struct {
	Event    string `json:"event"` // attached
	Name     string `json:"name"`
	URI      string `json:"uri"`
	Size     int64  `json:"size"`
	Sector   int    `json:"sector_size"`
	ReadOnly bool   `json:"read_only"`
}

// Run serves NBD clients until it is told to end.
func (c *attachCmd) Run(e *env) error { return e.unlessAsked(c.run(e)) }

func (c *attachCmd) run(e *env) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	dom, err := e.join("idc blk attach")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dom.Close()) }()
	defer e.tellAbandoned(dom)
	ctx, cancel, err := untilGone(e.ctx, dom, c.Vdev == 0)
	if err != nil {
		return err
	}
	defer cancel()
	remove, err := c.make(ctx, e, dom)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	front, err := c.open(ctx, e, dom)
	if err != nil {
		return because(ctx, err)
	}
	defer front.Close()
	disk, err := blkfront.New(front)
	if err != nil {
		return err
	}
	l, err := nbd.Listen(c.NBD)
	if err != nil {
		return err
	}
	info := disk.Info()
	e.say(attached{"attached", c.Name, nbd.URI(l, c.Name), info.Size, info.SectorSize, info.ReadOnly},
		"attached %s: %s at %s", c.Name, size(info.Size), nbd.URI(l, c.Name))
	s := nbd.Server{Name: c.Name, Disk: disk, Logger: e.log, MaxConns: c.Clients, Grace: grace}
	return because(ctx, s.Serve(ctx, l))
}

// check makes sense of the flags.
func (c *attachCmd) check() error {
	switch {
	case c.Vdev == 0 && c.Backend == nil && c.Name == "":
		return usagef("which disk? write --name NAME, or --backend DOMID --vdev N")
	case (c.Vdev == 0) != (c.Backend == nil):
		return usagef("--backend and --vdev go together: the domain that serves the disk, and the disk's number")
	case c.Wait < 0:
		return usagef("--wait %v: want 0s or more", c.Wait)
	case c.Name == "":
		c.Name = c.Vdev.String()
	}
	return firstOf(checkName(c.Name), checkAddress(c.NBD), inRange("clients", c.Clients, 1, mostClients), c.frontFlags.check())
}

// make makes the disk that --vdev names if no toolstack has.
func (c *attachCmd) make(ctx context.Context, e *env, dom idc.Domain) (remove func() error, err error) {
	if c.Vdev == 0 {
		return func() error { return nil }, nil
	}
	return e.assign(ctx, dom, assignment(idc.DomID(*c.Backend), dom.ID(), c.Vdev, c.Type, c.Params, "w"), false)
}

// open waits until the disk is there.
func (c *attachCmd) open(ctx context.Context, e *env, dom idc.Domain) (*blk.Front, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	opts := c.options(e)
	if len(c.ServerUID) > 0 {
		opts = append(opts, idc.ServerUID(c.ServerUID...))
	}
	if c.AnyServer {
		opts = append(opts, idc.AnyServer())
	}
	if c.Vdev != 0 {
		opts = append(opts, idc.Device(idc.DomID(*c.Backend), int(c.Vdev)))
	}
	defer c.notice(e, dom)()
	front, err := blk.Open(ctx, dom, c.Name, opts...)
	if err != nil {
		return nil, c.waited(e, dom, err)
	}
	return front, nil
}
