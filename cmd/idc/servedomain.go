//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/platform"
)

// startNumbered serves the one disk of a domain.
func (s *server) startNumbered(ctx context.Context) error {
	c := s.cmd
	path, mode := absolute(c.Images[0]), "w"
	if c.ReadOnly {
		mode = "r"
	}
	a := assignment(s.dom.ID(), idc.DomID(*c.Domain), c.Vdev, c.Type, path, mode)
	d, err := s.open(source{name: cmp.Or(c.Name, c.Vdev.String()), path: path, readOnly: c.ReadOnly, discard: true, format: c.format(""), at: a})
	if err != nil {
		return err
	}
	if s.remove, err = s.assign(ctx, s.dom, a, true); err != nil {
		return errors.Join(err, d.img.Close())
	}
	if err := s.export(ctx, d); err != nil {
		return err
	}
	s.disks = append(s.disks, d)
	return nil
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
