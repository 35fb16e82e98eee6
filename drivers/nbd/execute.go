package nbd

import (
	"context"
	"fmt"
	"io"
)

// payload returns how many bytes follow the request, or its reply.
func (h header) payload() uint32 {
	if h.cmd == cmdRead || h.cmd == cmdWrite {
		return h.length
	}
	return 0
}

// writes says whether the request changes the disk.
func (h header) writes() bool {
	return h.cmd == cmdWrite || h.cmd == cmdTrim || h.cmd == cmdWriteZeroes
}

// check refuses a request that the export doesn't offer, that is too long or that
// leaves the disk (proto.md, "Error values" says which error when). It doesn't
// overflow: off is at most size before length is added.
func (r *running) check(h header) uint32 {
	if no := r.checkOffered(h); no != 0 {
		return no
	}
	if h.payload() > maxPayload {
		return errInval
	}
	size := uint64(r.info().Size)
	if h.cmd == cmdFlush || h.off <= size && uint64(h.length) <= size-h.off {
		return 0
	}
	if h.cmd == cmdWrite || h.cmd == cmdWriteZeroes {
		return errNoSpace
	}
	return errInval
}

// checkOffered refuses commands and flags that weren't offered.
func (r *running) checkOffered(h header) uint32 {
	flags := r.transmissionFlags()
	known := h.flags&^(cmdFlagFUA|cmdFlagNoHole) == 0 &&
		(h.flags&cmdFlagNoHole == 0 || h.cmd == cmdWriteZeroes) &&
		(h.flags&cmdFlagFUA == 0 || flags&transSendFUA != 0 || r.info().ReadOnly)
	switch {
	case !known:
		return errInval
	case h.writes() && r.info().ReadOnly:
		return errPerm
	case h.cmd == cmdTrim && flags&transSendTrim == 0:
		return errInval
	case h.cmd == cmdFlush && flags&transSendFlush == 0:
		return errInval
	case h.cmd == cmdRead || h.writes() || h.cmd == cmdFlush:
		return 0
	}
	return errInval
}

// execute carries out a request that fits its slot. It returns the error value of
// the reply, and the reply's data.
func (c *conn) execute(s *slot) (uint32, []byte) {
	var err error
	switch {
	case s.cmd == cmdFlush:
		err = c.disk.disk.Flush(c.work)
	case s.length == 0: // proto.md leaves it open; nothing to do is done
	case s.cmd == cmdRead:
		err = c.disk.readAt(c.work, s.mem[:s.length], int64(s.off))
		if err == nil {
			return 0, s.mem[:s.length]
		}
	case s.cmd == cmdWrite:
		err = c.disk.writeAt(c.work, s.mem[:s.length], int64(s.off))
	case s.cmd == cmdTrim:
		err = c.disk.discard(c.work, int64(s.off), int64(s.length))
	case s.cmd == cmdWriteZeroes:
		err = c.disk.writeZeroes(c.work, int64(s.off), int64(s.length))
	}
	if err == nil && s.writes() {
		err = c.settle(c.work, s.header)
	}
	c.note(s.header, err)
	return errno(err), nil
}

// settle makes a write durable whose client asked for that.
func (c *conn) settle(ctx context.Context, h header) error {
	if h.flags&cmdFlagFUA == 0 {
		return nil
	}
	return c.disk.disk.Flush(ctx)
}

// stream carries out a read or write longer than any slot, a piece at a time, in the
// reader. Clients that asked for our block sizes don't send such.
func (c *conn) stream(s *slot) error {
	if s.cmd == cmdRead {
		return c.streamRead(s)
	}
	var failed error
	for done := uint32(0); done < s.length; {
		p := s.mem[:min(s.length-done, largeSlot)]
		if _, err := io.ReadFull(c.in, p); err != nil {
			return fmt.Errorf("read %d bytes to write: %w", s.length, err)
		}
		if failed == nil {
			failed = c.disk.writeAt(c.work, p, int64(s.off)+int64(done))
		}
		done += uint32(len(p))
	}
	if failed == nil {
		failed = c.settle(c.work, s.header)
	}
	c.note(s.header, failed)
	return c.reply(s.cookie, errno(failed), nil)
}

// streamRead sends the reply's header once the first piece was read. If a later one
// can't be, the client can be told only by disconnecting it (proto.md, "Simple reply
// message").
func (c *conn) streamRead(s *slot) error {
	for done := uint32(0); done < s.length; {
		p := s.mem[:min(s.length-done, largeSlot)]
		err := c.disk.readAt(c.work, p, int64(s.off)+int64(done))
		switch {
		case err == nil && done == 0:
			c.out.Lock()
			defer c.out.Unlock()
			err = c.replyLocked(s.cookie, 0, p)
		case err == nil:
			_, err = c.sock.Write(p)
		case done == 0:
			c.note(s.header, err)
			return c.reply(s.cookie, errno(err), nil)
		}
		if err != nil {
			return fmt.Errorf("a read of %d bytes failed after %d were sent: %w", s.length, done, err)
		}
		done += uint32(len(p))
	}
	return nil
}

// note logs a request that the disk refused.
func (c *conn) note(h header, err error) {
	if err != nil && c.ctx.Err() == nil {
		c.server.log().Warn("NBD request failed", "cmd", h.cmd, "offset", h.off, "length", h.length, "err", err)
	}
}
