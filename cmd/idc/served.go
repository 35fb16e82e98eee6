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

// disk is an image that is open, and its service.
type disk struct {
	source
	s       *server
	img     *image.Image
	back    *blkback.Back
	service *blk.Service // nil until it is exported

	measured chan struct{} // cap 1: the size shall be looked at
	stopped  chan struct{} // closed when it needn't be any more
	running  sync.WaitGroup
}

// serve opens one image and serves it. When that fails nothing of it is left.
func (s *server) serve(ctx context.Context, src source) (*disk, error) {
	d, err := s.open(src)
	if err != nil {
		return nil, err
	}
	if err := s.export(ctx, d); err != nil {
		return nil, err
	}
	return d, nil
}

// openImage is image.Open, but for tests in which opening takes its time.
var openImage = image.Open

func (s *server) open(src source) (*disk, error) {
	img, err := openImage(src.path, image.Options{
		ReadOnly: src.readOnly, SectorSize: s.cmd.SectorSize, Direct: s.cmd.Direct, Shared: s.cmd.Shared, Format: src.format,
	})
	if err != nil {
		return nil, err
	}
	return &disk{
		source: src, s: s, img: img, back: blkback.New(img, s.log.With("disk", src.name)),
		measured: make(chan struct{}, 1), stopped: make(chan struct{}),
	}, nil
}

// export begins to serve a disk. It closes one that it fails for.
func (s *server) export(ctx context.Context, d *disk) error {
	opts := append(s.cmd.options(s.env), idc.Workers(s.cmd.Workers))
	if d.at != nil {
		opts = append(opts, idc.Device(d.at.Front, d.at.Dev), idc.BackendType(d.at.Type))
	}
	d.service = blk.Export(s.dom, d.name, d.keys(), d.back, opts...)
	d.running.Go(d.measure)
	if err := ready(ctx, d.service.Service); err != nil {
		return errors.Join(fmt.Errorf("serve %s: %w", d.path, err), d.close())
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

// measureTime is how often an image's size is looked at.
const measureTime = time.Second

// look has the size looked at now. It doesn't block.
func (d *disk) look() { poke(d.measured) }

// measure tells front ends whenever the image has grown or shrunk, until the disk is
// closed. What holds the image may be slow, and is asked by nobody else.
func (d *disk) measure() {
	tick := time.NewTicker(measureTime)
	defer tick.Stop()
	for {
		select {
		case <-d.stopped:
			return
		case <-tick.C:
		case <-d.measured:
		}
		changed, err := d.img.Measure()
		if err != nil {
			d.s.log.Debug("measure", "disk", d.name, "err", err)
		}
		if changed {
			d.s.log.Info("the image has another size", "disk", d.name, "size", d.img.Size())
			d.service.Update(d.keys())
		}
	}
}

// close ends the service, which finishes what it has taken, then closes the image.
func (d *disk) close() error {
	close(d.stopped)
	err := d.service.Close()
	d.running.Wait()
	return errors.Join(err, d.img.Flush(), d.img.Close())
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
