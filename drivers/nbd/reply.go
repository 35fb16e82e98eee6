package nbd

import (
	"encoding/binary"
	"fmt"
)

// maxReplyHeader is the most that comes before the data of a reply: a chunk's header and
// an offset.
const maxReplyHeader = chunkHeaderSize + 8

// reply writes the only or last message that answers h. It fails when the client can't
// be reached.
func (c *conn) reply(h header, no uint32, data []byte) error {
	c.out.Lock()
	defer c.out.Unlock()
	if c.terms.structured && (h.cmd == cmdRead || h.cmd == cmdBlockStatus) {
		return c.chunkLocked(h, no, h.off, data, chunkDone)
	}
	encodeReply(c.header[:], h.cookie, no)
	return c.writeLocked(replyHeaderSize, data)
}

// chunk writes a part of a read's answer, which isn't its last message.
func (c *conn) chunk(h header, off uint64, data []byte) error {
	c.out.Lock()
	defer c.out.Unlock()
	return c.chunkLocked(h, 0, off, data, 0)
}

// chunkLocked writes a chunk of what h asks for, or of the error that it ended with.
func (c *conn) chunkLocked(h header, no uint32, off uint64, data []byte, flags uint16) error {
	be := binary.BigEndian
	after := c.header[chunkHeaderSize:]
	n, kind := 0, uint16(chunkNone)
	switch {
	case no != 0: // error u32, length of a message u16
		be.PutUint32(after, no)
		be.PutUint16(after[4:], 0)
		n, kind, data = 6, chunkError, nil
	case len(data) == 0:
	case h.cmd == cmdRead: // offset u64, data
		be.PutUint64(after, off)
		n, kind = 8, chunkOffsetData
	default: // context u32, descriptors
		be.PutUint32(after, contextAllocationID)
		n, kind = 4, chunkBlockStatus
	}
	encodeChunk(c.header[:], flags, kind, h.cookie, n+len(data))
	return c.writeLocked(chunkHeaderSize+n, data)
}

// writeLocked writes the first n bytes of the header, and data.
func (c *conn) writeLocked(n int, data []byte) error {
	var err error
	if len(data) == 0 {
		_, err = c.sock.Write(c.header[:n])
	} else {
		c.vec = [2][]byte{c.header[:n], data}
		c.bufs = c.vec[:]
		_, err = c.bufs.WriteTo(c.sock)
	}
	if err != nil {
		return fmt.Errorf("write a reply: %w", err)
	}
	return nil
}
