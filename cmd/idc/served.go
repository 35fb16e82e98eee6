//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/xenidc/idc/drivers/blkback"
	"github.com/xenidc/idc/drivers/image"
	"github.com/xenidc/idc/generated/blk"
	"github.com/xenidc/idc/runtime/idc"
)

// readyTime is how long serving may take to begin.
const readyTime = 15 * time.Second

// takenTime is how long a name may still be another's: the broker notices a moment
// after its death that a server was killed.
const takenTime = 3 * time.Second

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
