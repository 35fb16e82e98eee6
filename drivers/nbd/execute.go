package nbd

import (
	"context"
	"encoding/binary"
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

// memory returns how many bytes of memory the request needs.
func (h header) memory() uint32 {
	if h.cmd == cmdBlockStatus {
		return smallSlot
	}
	return h.payload()
}

// writes says whether the request changes the disk.
func (h header) writes() bool {
	return h.cmd == cmdWrite || h.cmd == cmdTrim || h.cmd == cmdWriteZeroes
}

// check refuses a request that the export doesn't offer, that is too long or that
// leaves the disk (proto.md, "Error values" says which error when). It doesn't
// overflow: off is at most size before length is added.
func (r *running) check(h header, t terms) uint32 {
	if no := r.checkOffered(h, t); no != 0 {
		return no
	}
	if h.payload() > maxPayload || h.cmd == cmdBlockStatus && h.length == 0 {
		return errInval
	}
	if h.flags&cmdFlagDF != 0 && h.length > largeSlot {
		return errOverflow // it would be several chunks
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
func (r *running) checkOffered(h header, t terms) uint32 {
	info, offered := r.info(), r.transmissionFlags(t)
	switch {
	case h.flags&^flagsOf(h.cmd) != 0:
		return errInval
	case h.flags&cmdFlagFUA != 0 && offered&transSendFUA == 0 && !info.ReadOnly:
		return errInval
	case h.flags&cmdFlagDF != 0 && !t.structured:
		return errInval
	case h.flags&cmdFlagFastZero != 0 && offered&transSendFastZero == 0 && !info.ReadOnly:
		return errInval
	case h.writes() && info.ReadOnly:
		return errPerm
	}
	ok := false
	switch h.cmd {
	case cmdRead, cmdWrite, cmdWriteZeroes:
		ok = true
	case cmdTrim:
		ok = offered&transSendTrim != 0
	case cmdFlush:
		ok = offered&transSendFlush != 0
	case cmdBlockStatus:
		ok = t.allocation
	}
	if !ok {
		return errInval
	}
	return 0
}

// flagsOf are the flags that a command may have. FUA may be on all (proto.md, "Command
// flags").
func flagsOf(cmd uint16) uint16 {
	switch cmd {
	case cmdRead:
		return cmdFlagFUA | cmdFlagDF
	case cmdWriteZeroes:
		return cmdFlagFUA | cmdFlagNoHole | cmdFlagFastZero
	case cmdBlockStatus:
		return cmdFlagFUA | cmdFlagReqOne
	}
	return cmdFlagFUA
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
		err = c.disk.writeZeroes(c.work, int64(s.off), int64(s.length), c.zeroing(s.header))
	case s.cmd == cmdBlockStatus:
		var n int
		if n, err = c.blockStatus(s); err == nil {
			return 0, s.mem[:n]
		}
	}
	if err == nil && s.writes() {
		err = c.settle(c.work, s.header)
	}
	c.note(s.header, err)
	return errno(err), nil
}

// zeroing is how the request wants its zeros.
func (c *conn) zeroing(h header) zeroing {
	return zeroing{mayFree: h.flags&cmdFlagNoHole == 0, fast: h.flags&cmdFlagFastZero != 0, wanted: c.ctx}
}

// mostDescriptors is how many extents one reply tells: what a client doesn't learn it
// asks for again.
const mostDescriptors = 512

// blockStatus writes descriptors into the slot's memory, each a length u32 and flags
// u32, and returns how many bytes these are.
func (c *conn) blockStatus(s *slot) (int, error) {
	if s.extents == nil {
		s.extents = make([]Extent, mostDescriptors)
	}
	list := s.extents
	if s.flags&cmdFlagReqOne != 0 {
		list = list[:1]
	}
	n, err := c.disk.extents(c.work, list, int64(s.off), int64(s.length))
	if err != nil {
		return 0, err
	}
	be := binary.BigEndian
	for i, e := range list[:n] {
		state := uint32(0)
		if e.Hole {
			state |= stateHole
		}
		if e.Zero {
			state |= stateZero
		}
		be.PutUint32(s.mem[i*descriptorSize:], uint32(e.Len))
		be.PutUint32(s.mem[i*descriptorSize+4:], state)
	}
	return n * descriptorSize, nil
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
	return c.reply(s.header, errno(failed), nil)
}

// streamRead sends what was read a piece at a time. With structured replies each piece
// is a chunk, and an error can come at any time.
func (c *conn) streamRead(s *slot) error {
	if !c.terms.structured {
		return c.streamSimple(s)
	}
	for done := uint32(0); ; {
		p := s.mem[:min(s.length-done, largeSlot)]
		off := s.off + uint64(done)
		if err := c.disk.readAt(c.work, p, int64(off)); err != nil {
			c.note(s.header, err)
			return c.reply(s.header, errno(err), nil)
		}
		if done += uint32(len(p)); done == s.length {
			last := s.header
			last.off = off
			return c.reply(last, 0, p)
		}
		if err := c.chunk(s.header, off, p); err != nil {
			return err
		}
	}
}

// streamSimple sends the reply's header once the first piece was read. If a later one
// can't be, the client can be told only by disconnecting it (proto.md, "Simple reply
// message").
func (c *conn) streamSimple(s *slot) error {
	for done := uint32(0); done < s.length; {
		p := s.mem[:min(s.length-done, largeSlot)]
		err := c.disk.readAt(c.work, p, int64(s.off)+int64(done))
		switch {
		case err == nil && done == 0:
			c.out.Lock()
			defer c.out.Unlock()
			encodeReply(c.header[:], s.cookie, 0)
			err = c.writeLocked(replyHeaderSize, p)
		case err == nil:
			_, err = c.sock.Write(p)
		case done == 0:
			c.note(s.header, err)
			return c.reply(s.header, errno(err), nil)
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
	if err != nil && err != errNotFast && c.ctx.Err() == nil {
		c.server.log().Warn("NBD request failed", "cmd", h.cmd, "offset", h.off, "length", h.length, "err", err)
	}
}
