package nbd

import "encoding/binary"

// Magic numbers (proto.md, "Fixed newstyle negotiation", "Request message",
// "Simple reply message", "Structured reply chunk message").
const (
	magicServer   = 0x4e42444d41474943 // "NBDMAGIC"
	magicOption   = 0x49484156454F5054 // "IHAVEOPT"
	magicOptReply = 0x0003e889045565a9
	magicRequest  = 0x25609513
	magicReply    = 0x67446698
	magicChunk    = 0x668e33ef
)

// Handshake flags, the server's (16 bit) and the client's (32 bit), have the same
// values (proto.md, "Handshake flags", "Client flags").
const (
	flagFixedNewstyle = 1 << 0
	flagNoZeroes      = 1 << 1
)

// Option types (proto.md, "Option types").
const (
	optExportName = 1
	optAbort      = 2
	optList       = 3
	optInfo       = 6
	optGo         = 7
	optStructured = 8
	optListMeta   = 9
	optSetMeta    = 10
)

// Option reply types (proto.md, "Option reply types").
const (
	repAck        = 1
	repServer     = 2
	repInfo       = 3
	repMeta       = 4
	repErrUnsup   = 1<<31 + 1
	repErrInvalid = 1<<31 + 3
	repErrUnknown = 1<<31 + 6
	repErrTooBig  = 1<<31 + 9
)

// Information types of INFO and GO (proto.md, "NBD_REP_INFO").
const (
	infoExport      = 0
	infoName        = 1
	infoDescription = 2
	infoBlockSize   = 3
)

// Transmission flags (proto.md, "Transmission flags").
const (
	transHasFlags        = 1 << 0
	transReadOnly        = 1 << 1
	transSendFlush       = 1 << 2
	transSendFUA         = 1 << 3
	transSendTrim        = 1 << 5
	transSendWriteZeroes = 1 << 6
	transSendDF          = 1 << 7
	transCanMultiConn    = 1 << 8
	transSendFastZero    = 1 << 11
)

// Commands (proto.md, "Request types").
const (
	cmdRead        = 0
	cmdWrite       = 1
	cmdDisc        = 2
	cmdFlush       = 3
	cmdTrim        = 4
	cmdWriteZeroes = 6
	cmdBlockStatus = 7
)

// Command flags (proto.md, "Command flags").
const (
	cmdFlagFUA      = 1 << 0
	cmdFlagNoHole   = 1 << 1
	cmdFlagDF       = 1 << 2
	cmdFlagReqOne   = 1 << 3
	cmdFlagFastZero = 1 << 4
)

// Chunks of a structured reply: the flag of the last, and the types (proto.md,
// "Structured reply flags", "Structured reply types").
const (
	chunkDone        = 1 << 0
	chunkNone        = 0
	chunkOffsetData  = 1
	chunkBlockStatus = 5
	chunkError       = 1<<15 + 1
	chunkErrorOffset = 1<<15 + 2
)

// The one metadata context that there is, the number by which chunks name it, and the
// flags of its descriptors (proto.md, "Metadata querying", "base:allocation metadata
// context").
const (
	contextAllocation   = "base:allocation"
	contextAllocationID = 1
	stateHole           = 1 << 0
	stateZero           = 1 << 1
)

// Sizes of the fixed parts in bytes.
const (
	optionHeaderSize  = 16
	requestHeaderSize = 28
	replyHeaderSize   = 16
	chunkHeaderSize   = 20
	descriptorSize    = 8
	exportNamePadding = 124
)

// Limits. A string is at most 4096 bytes (proto.md, "Conventions"); no option that
// we know needs more than a name and a few 16-bit numbers.
const (
	maxOptionData = 8192
	maxName       = 4096
	maxOptions    = 256
	// maxPayload is what a client may send or ask for without having been told a
	// limit (proto.md, "Block size constraints").
	maxPayload = 32 << 20
)

// header is the decoded fixed part of a request.
type header struct {
	flags  uint16
	cmd    uint16
	cookie uint64
	off    uint64
	length uint32
}

// decodeHeader decodes a request header: magic u32, flags u16, type u16, cookie u64,
// offset u64, length u32, all big-endian. It is false when the magic is wrong.
func decodeHeader(b *[requestHeaderSize]byte) (header, bool) {
	be := binary.BigEndian
	return header{
		flags:  be.Uint16(b[4:]),
		cmd:    be.Uint16(b[6:]),
		cookie: be.Uint64(b[8:]),
		off:    be.Uint64(b[16:]),
		length: be.Uint32(b[24:]),
	}, be.Uint32(b[:]) == magicRequest
}

// encodeChunk encodes the header of a chunk with n bytes of payload: magic u32, flags
// u16, type u16, cookie u64, length u32.
func encodeChunk(b []byte, flags, kind uint16, cookie uint64, n int) {
	be := binary.BigEndian
	be.PutUint32(b, magicChunk)
	be.PutUint16(b[4:], flags)
	be.PutUint16(b[6:], kind)
	be.PutUint64(b[8:], cookie)
	be.PutUint32(b[16:], uint32(n))
}

// encodeReply encodes a simple reply: magic u32, error u32, cookie u64.
func encodeReply(b []byte, cookie uint64, errno uint32) {
	be := binary.BigEndian
	be.PutUint32(b[:], magicReply)
	be.PutUint32(b[4:], errno)
	be.PutUint64(b[8:], cookie)
}
