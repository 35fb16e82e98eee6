package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Type is the kind of a message (enum xsd_sockmsg_type, xs_wire.h).
type Type uint32

// The types of messages. Replies carry the type of their request, or TypeError.
const (
	TypeControl            Type = 0
	TypeDirectory          Type = 1
	TypeRead               Type = 2
	TypeGetPerms           Type = 3
	TypeWatch              Type = 4
	TypeUnwatch            Type = 5
	TypeTransactionStart   Type = 6
	TypeTransactionEnd     Type = 7
	TypeIntroduce          Type = 8
	TypeRelease            Type = 9
	TypeGetDomainPath      Type = 10
	TypeWrite              Type = 11
	TypeMkdir              Type = 12
	TypeRm                 Type = 13
	TypeSetPerms           Type = 14
	TypeWatchEvent         Type = 15
	TypeError              Type = 16
	TypeIsDomainIntroduced Type = 17
	TypeResume             Type = 18
	TypeSetTarget          Type = 19
	// 20 was RESTRICT, which is gone.
	TypeResetWatches  Type = 21
	TypeDirectoryPart Type = 22
	TypeGetFeature    Type = 23
	TypeSetFeature    Type = 24
	TypeGetQuota      Type = 25
	TypeSetQuota      Type = 26

	typeCount = 27
)

var typeNames = [typeCount]string{
	"CONTROL", "DIRECTORY", "READ", "GET_PERMS", "WATCH", "UNWATCH", "TRANSACTION_START",
	"TRANSACTION_END", "INTRODUCE", "RELEASE", "GET_DOMAIN_PATH", "WRITE", "MKDIR", "RM",
	"SET_PERMS", "WATCH_EVENT", "ERROR", "IS_DOMAIN_INTRODUCED", "RESUME", "SET_TARGET", "",
	"RESET_WATCHES", "DIRECTORY_PART", "GET_FEATURE", "SET_FEATURE", "GET_QUOTA", "SET_QUOTA",
}

// String is the protocol's name of the type, as in XS_READ without the XS_.
func (t Type) String() string {
	if t < typeCount && typeNames[t] != "" {
		return typeNames[t]
	}
	return fmt.Sprintf("type %d", uint32(t))
}

const (
	// HeaderSize is the size in bytes of struct xsd_sockmsg.
	HeaderSize = 16
	// MaxPayload is the most bytes that may follow a header
	// (XENSTORE_PAYLOAD_MAX, xs_wire.h). More breaks the connection.
	MaxPayload = 4096
	// MaxDevicePayload is the most that the kernel's xenbus device takes, which counts
	// the header into the limit (drivers/xen/xenbus/xenbus_dev_frontend.c).
	MaxDevicePayload = MaxPayload - HeaderSize
)

// errTooLong says that a message's length field exceeds MaxPayload. There is no
// way to find the next message after it.
var errTooLong = errors.New("message longer than the protocol allows (XENSTORE_PAYLOAD_MAX)")

// header is struct xsd_sockmsg. All fields are in the machine's own byte order.
//
//	| type u32 | req_id u32 | tx_id u32 | len u32 | payload, len bytes |
type header struct {
	typ Type
	req uint32 // chosen by the client, echoed by the server
	tx  uint32 // transaction, 0 for none
	len uint32 // bytes of payload, at most MaxPayload
}

// parseHeader decodes the HeaderSize bytes of b.
func parseHeader(b []byte) header {
	_ = b[HeaderSize-1]
	ne := binary.NativeEndian
	return header{Type(ne.Uint32(b)), ne.Uint32(b[4:]), ne.Uint32(b[8:]), ne.Uint32(b[12:])}
}

// appendMessage appends a message whose payload is the parts, one after another.
func appendMessage(b []byte, t Type, req, tx uint32, parts ...string) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	ne := binary.NativeEndian
	b = ne.AppendUint32(b, uint32(t))
	b = ne.AppendUint32(b, req)
	b = ne.AppendUint32(b, tx)
	b = ne.AppendUint32(b, uint32(n))
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// readMessage reads one message. The payload lies in buf, which must have room for
// HeaderSize+MaxPayload bytes, and is valid until buf is used again. It returns
// io.EOF at the end between two messages, io.ErrUnexpectedEOF within one.
func readMessage(r io.Reader, buf []byte) (header, []byte, error) {
	if _, err := io.ReadFull(r, buf[:HeaderSize]); err != nil {
		return header{}, nil, err
	}
	h := parseHeader(buf)
	if h.len > MaxPayload {
		return h, nil, fmt.Errorf("%v of %d bytes: %w", h.typ, h.len, errTooLong)
	}
	payload := buf[HeaderSize : HeaderSize+h.len]
	if _, err := io.ReadFull(r, payload); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return h, nil, err
	}
	return h, payload, nil
}

// splitStrings cuts a payload of NUL-terminated strings. It fails when the last one
// has no terminator.
func splitStrings(b []byte) ([]string, bool) {
	if len(b) > 0 && b[len(b)-1] != 0 {
		return nil, false
	}
	var out []string
	for start, i := 0, 0; i < len(b); i++ {
		if b[i] == 0 {
			out = append(out, string(b[start:i]))
			start = i + 1
		}
	}
	return out, true
}
