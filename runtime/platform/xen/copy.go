//go:build linux

package xen

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

var _ platform.Copier = (*Domain)(nil)

const (
	// maxBatch is how many pieces go to the kernel at once. It holds a lock over none of
	// it, but isn't interrupted within.
	maxBatch = 512
	// maxSpare is how many batches are kept for the next calls.
	maxSpare = 64
	// maxTries bounds how often pieces are tried again whose page the peer's host has
	// paged out (GNTST_eagain).
	maxTries = 8
)

// Status of a copy (GNTST_*, xen/include/public/grant_table.h).
const (
	statusOkay      = 0
	statusBadDomain = -2
	statusEagain    = -12
	statusNoSpace   = -13
)

// copyPool keeps batches, whose memory the kernel reads.
type copyPool struct {
	mu    sync.Mutex
	spare []*sys.GrantCopy
}

func (p *copyPool) get() *sys.GrantCopy {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.spare)
	if n == 0 {
		return new(sys.GrantCopy)
	}
	c := p.spare[n-1]
	p.spare = p.spare[:n-1]
	return c
}

func (p *copyPool) put(c *sys.GrantCopy) {
	c.Reset()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.spare) < maxSpare {
		p.spare = append(p.spare, c)
	}
}

// CopyFrom copies from pages of peer's, with one system call for 512 pieces.
func (d *Domain) CopyFrom(peer platform.DomID, pieces []platform.CopyPiece) error {
	return d.copyAll(peer, pieces, false)
}

// CopyTo copies to pages of peer's, with one system call for 512 pieces.
func (d *Domain) CopyTo(peer platform.DomID, pieces []platform.CopyPiece) error {
	return d.copyAll(peer, pieces, true)
}

func (d *Domain) copyAll(peer platform.DomID, pieces []platform.CopyPiece, to bool) error {
	var first error
	for len(pieces) > 0 {
		n := min(len(pieces), maxBatch)
		if err := d.copySome(peer, pieces[:n], to); err != nil && first == nil {
			first = d.wrapPeer("copy pages of", peer, err)
		}
		pieces = pieces[n:]
	}
	return first
}

// copySome copies one batch, and once more what was to be tried again.
func (d *Domain) copySome(peer platform.DomID, pieces []platform.CopyPiece, to bool) error {
	if err := d.enter(); err != nil {
		return failAll(pieces, err)
	}
	fd, err := d.devices.open(gntdev)
	if err != nil {
		d.leave()
		return failAll(pieces, err)
	}
	c := d.copies.get()
	for try := 1; ; try++ {
		again, err := copyOnce(fd, c, uint16(peer), pieces, to, try > 1)
		if err != nil {
			failAll(pieces, err)
		}
		if !again || try == maxTries {
			break
		}
		time.Sleep(time.Millisecond << try)
	}
	d.copies.put(c)
	d.leave()
	return d.firstError(peer, pieces)
}

// copyOnce copies the pieces that are due: all of them, or those that are to be tried
// again. It reports whether any is.
func copyOnce(fd int, c *sys.GrantCopy, peer uint16, pieces []platform.CopyPiece, to, again bool) (bool, error) {
	c.Reset()
	for i := range pieces {
		p := &pieces[i]
		if again && p.Err != errEagain {
			continue
		}
		if p.Err = checkPiece(p); p.Err != nil {
			continue
		}
		p.Err = errEagain
		if to {
			c.To(peer, uint32(p.Ref), p.Offset, p.Local)
		} else {
			c.From(peer, uint32(p.Ref), p.Offset, p.Local)
		}
	}
	if c.Len() == 0 {
		return false, nil
	}
	if err := c.Run(fd); err != nil {
		return false, fmt.Errorf("grant copy: %w", lacking(err))
	}
	again, i := false, 0
	for j := range pieces {
		if p := &pieces[j]; p.Err == errEagain {
			p.Err = outcome(c.Status(i))
			again = again || p.Err == errEagain
			i++
		}
	}
	return again, nil
}

// checkPiece refuses what the kernel would refuse the whole batch for.
func checkPiece(p *platform.CopyPiece) error {
	if p.Ref == 0 || p.Offset >= shm.PageSize || len(p.Local) == 0 || len(p.Local) > shm.PageSize-int(p.Offset) {
		return fmt.Errorf("%w %d: %d bytes at offset %d aren't within a page", platform.ErrBadRef, p.Ref, len(p.Local), p.Offset)
	}
	return nil
}

// errEagain marks a piece that has no outcome yet.
var errEagain = fmt.Errorf("%w: the page stays paged out (GNTST_eagain)", platform.ErrNoSpace)

// errBadDomain marks a piece of a domain that the hypervisor doesn't know.
var errBadDomain = fmt.Errorf("%w (GNTST_bad_domain)", platform.ErrNoDomain)

// outcome is the contract's word for a status.
func outcome(status int) error {
	switch status {
	case statusOkay:
		return nil
	case statusEagain:
		return errEagain
	case statusBadDomain:
		return errBadDomain
	case statusNoSpace:
		return fmt.Errorf("%w (GNTST_no_space)", platform.ErrNoSpace)
	}
	return fmt.Errorf("%w (GNTST %d)", platform.ErrBadRef, status)
}

// firstError returns the first piece's error, after telling a peer that has gone from
// one that never was.
func (d *Domain) firstError(peer platform.DomID, pieces []platform.CopyPiece) (first error) {
	var gone error
	for i := range pieces {
		p := &pieces[i]
		if p.Err == errBadDomain {
			if gone == nil {
				if gone = d.peers.verify(peer); gone == nil {
					gone = fmt.Errorf("%w: %w", platform.ErrBadRef, unix.ESRCH)
				}
			}
			p.Err = gone
		}
		if p.Err != nil && first == nil {
			first = fmt.Errorf("reference %d: %w", p.Ref, p.Err)
		}
	}
	return first
}

func failAll(pieces []platform.CopyPiece, err error) error {
	for i := range pieces {
		pieces[i].Err = err
	}
	return err
}
