package nbd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

var (
	// errLeft says that a client ended the connection as the protocol has it.
	errLeft = errors.New("the client left")
	// errHungUp says that a client closed the socket between two requests without
	// having said so. Many do, but who does waits for no reply.
	errHungUp = errors.New("the client hung up")
)

// terms are what a client has asked for besides an export.
type terms struct {
	structured bool // replies that come in chunks
	allocation bool // block status, by the context base:allocation
}

// negotiation is a connection until its client has chosen an export.
type negotiation struct {
	sock     net.Conn
	server   *running
	noZeroes bool
	terms    terms
	metaFor  string // the export that terms.allocation is for
	data     [maxOptionData]byte
}

// negotiate carries out the fixed newstyle handshake (proto.md, "Fixed newstyle
// negotiation"). After nil, the connection is in the transmission phase.
func negotiate(sock net.Conn, r *running) (terms, error) {
	n := &negotiation{sock: sock, server: r}
	if err := n.greet(); err != nil {
		return terms{}, fmt.Errorf("NBD greeting: %w", err)
	}
	for range maxOptions {
		done, err := n.option()
		if err != nil {
			return terms{}, fmt.Errorf("NBD negotiation: %w", err)
		}
		if done {
			return n.terms, nil
		}
	}
	return terms{}, fmt.Errorf("NBD negotiation: more than %d options", maxOptions)
}

// greet exchanges magic numbers and flags.
func (n *negotiation) greet() error {
	be := binary.BigEndian
	hello := be.AppendUint64(nil, magicServer)
	hello = be.AppendUint64(hello, magicOption)
	hello = be.AppendUint16(hello, flagFixedNewstyle|flagNoZeroes)
	if _, err := n.sock.Write(hello); err != nil {
		return err
	}
	var b [4]byte
	if _, err := io.ReadFull(n.sock, b[:]); err != nil {
		return left(err)
	}
	flags := be.Uint32(b[:])
	if flags&^uint32(flagFixedNewstyle|flagNoZeroes) != 0 {
		return fmt.Errorf("the client sent unknown flags %#x", flags)
	}
	n.noZeroes = flags&flagNoZeroes != 0
	return nil
}

// option serves one option. It is true when the transmission phase begins.
func (n *negotiation) option() (bool, error) {
	var h [optionHeaderSize]byte
	if _, err := io.ReadFull(n.sock, h[:]); err != nil {
		return false, left(err)
	}
	be := binary.BigEndian
	if be.Uint64(h[:]) != magicOption {
		return false, fmt.Errorf("an option begins with %#x, which is no option's magic", be.Uint64(h[:]))
	}
	opt, length := be.Uint32(h[8:]), be.Uint32(h[12:])
	if length > maxOptionData {
		return false, n.tooBig(opt, length)
	}
	data := n.data[:length]
	if _, err := io.ReadFull(n.sock, data); err != nil {
		return false, fmt.Errorf("option %d: %w", opt, err)
	}
	switch opt {
	case optExportName:
		return true, n.exportName(data)
	case optAbort:
		n.reply(opt, repAck, nil) // the client needn't wait for it
		return false, errLeft
	case optList:
		return false, n.list(data)
	case optInfo, optGo:
		return n.info(opt, data)
	case optStructured:
		return false, n.structured(data)
	case optListMeta, optSetMeta:
		return false, n.meta(opt, data)
	}
	return false, n.reply(opt, repErrUnsup, []byte("not supported"))
}

// tooBig refuses an option whose data is longer than any we know, having skipped it.
func (n *negotiation) tooBig(opt, length uint32) error {
	if length > maxPayload {
		return fmt.Errorf("option %d has %d bytes of data", opt, length)
	}
	if _, err := io.CopyN(io.Discard, n.sock, int64(length)); err != nil {
		return err
	}
	return n.reply(opt, repErrTooBig, []byte("too much data"))
}

// exportName serves NBD_OPT_EXPORT_NAME, which can't be refused but by leaving.
func (n *negotiation) exportName(name []byte) error {
	if !n.knows(name) {
		return fmt.Errorf("the client wants the export %q; there is %q only", clip(name), n.server.Name)
	}
	n.chosen(name)
	be := binary.BigEndian
	b := be.AppendUint64(nil, uint64(n.server.info().Size))
	b = be.AppendUint16(b, n.server.transmissionFlags(n.terms))
	if !n.noZeroes {
		b = append(b, make([]byte, exportNamePadding)...)
	}
	_, err := n.sock.Write(b)
	return err
}

// list serves NBD_OPT_LIST.
func (n *negotiation) list(data []byte) error {
	if len(data) != 0 {
		return n.reply(optList, repErrInvalid, []byte("LIST takes no data"))
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(len(n.server.Name)))
	if err := n.reply(optList, repServer, append(b, n.server.Name...)); err != nil {
		return err
	}
	return n.reply(optList, repAck, nil)
}

// info serves NBD_OPT_INFO and NBD_OPT_GO: name length u32, name, number of requests
// u16, requests u16 each. Block sizes are told whether asked for or not.
func (n *negotiation) info(opt uint32, data []byte) (bool, error) {
	name, wants, ok := parseInfo(data)
	if !ok {
		return false, n.reply(opt, repErrInvalid, []byte("malformed request for information"))
	}
	if !n.knows(name) {
		return false, n.reply(opt, repErrUnknown, []byte("no such export"))
	}
	be := binary.BigEndian
	export := be.AppendUint16(nil, infoExport)
	export = be.AppendUint64(export, uint64(n.server.info().Size))
	export = be.AppendUint16(export, n.server.transmissionFlags(n.terms))
	block := be.AppendUint16(nil, infoBlockSize)
	block = be.AppendUint32(block, 1)
	block = be.AppendUint32(block, n.server.preferredBlock())
	block = be.AppendUint32(block, largeSlot)
	replies := [][]byte{export, block}
	for ; len(wants) > 0; wants = wants[2:] {
		switch be.Uint16(wants) {
		case infoName:
			replies = append(replies, append(be.AppendUint16(nil, infoName), n.server.Name...))
		case infoDescription:
			replies = append(replies, append(be.AppendUint16(nil, infoDescription), "xenidc block device"...))
		}
		if len(replies) > 8 { // who asks for the same again and again gets the first few
			break
		}
	}
	for _, r := range replies {
		if err := n.reply(opt, repInfo, r); err != nil {
			return false, err
		}
	}
	if opt == optGo {
		n.chosen(name)
	}
	return opt == optGo, n.reply(opt, repAck, nil)
}

// parseInfo takes the data of INFO and GO apart.
func parseInfo(data []byte) (name, wants []byte, ok bool) {
	be := binary.BigEndian
	if len(data) < 6 {
		return nil, nil, false
	}
	size := be.Uint32(data)
	if size > maxName || int(size) > len(data)-6 {
		return nil, nil, false
	}
	name, rest := data[4:4+size], data[4+size:]
	count := int(be.Uint16(rest))
	return name, rest[2:], len(rest)-2 == 2*count
}

// knows says whether name is the name of our export.
func (n *negotiation) knows(name []byte) bool {
	return len(name) == 0 || string(name) == n.server.Name
}

// reply sends one option reply: magic u64, option u32, type u32, length u32, data.
func (n *negotiation) reply(opt, kind uint32, data []byte) error {
	be := binary.BigEndian
	b := be.AppendUint64(nil, magicOptReply)
	b = be.AppendUint32(b, opt)
	b = be.AppendUint32(b, kind)
	b = be.AppendUint32(b, uint32(len(data)))
	_, err := n.sock.Write(append(b, data...))
	return err
}

// transmissionFlags says what the export can do. All connections reach one disk, and
// a flush on one covers the completed writes of all, so there may be several.
func (r *running) transmissionFlags(t terms) uint16 {
	flags := uint16(transHasFlags | transCanMultiConn)
	if t.structured {
		flags |= transSendDF
	}
	if r.info().ReadOnly {
		return flags | transReadOnly
	}
	flags |= transSendWriteZeroes
	if r.info().CanFlush {
		flags |= transSendFlush | transSendFUA
	}
	if r.info().CanDiscard {
		flags |= transSendTrim
	}
	if r.info().CanZero {
		flags |= transSendFastZero
	}
	return flags
}

// preferredBlock is the block size that we advise: whole sectors, and a page at least.
func (r *running) preferredBlock() uint32 { return uint32(max(r.info().SectorSize, 4096)) }

// left says of the end of input between messages that the client left.
func left(err error) error {
	if err == io.EOF {
		return errLeft
	}
	return err
}

// clip shortens a name for a message.
func clip(name []byte) []byte { return name[:min(len(name), 64)] }
