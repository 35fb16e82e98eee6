// Package proto is what the broker and the domains say to each other over the
// control socket, and two domains over their link. Both are SOCK_SEQPACKET: one
// packet is one message of fixed size, little-endian, whose descriptors travel as
// SCM_RIGHTS.
//
//	offset  0     1       2       3      4       8      12     16
//	       +-----+-------+-------+------+-------+------+------+------...
//	       | op  | status| access| flags| id    | a    | b    | name
//	       +-----+-------+-------+------+-------+------+------+------...
//
// id couples an answer with its question. A name is there in Join alone.
//
// Control socket, D a domain and B the broker:
//
//	D->B Join     a=Version, name         first message
//	B->D Welcome  status, a=domid
//	D->B Link     id, a=domid             introduce me to that domain
//	B->D Linked   id, status              after Peer, if there is news
//	B->D Peer     a=domid, b=pid, id=uid, fd   one end of the link; unasked for too
//	D->B Store    id, flags               a connection to the store
//	B->D StoreIs  id, status, fd
//	D->B Leave                            B forgets D, then closes
//
// Link, each side alike:
//
//	Hello    a=Version, fd                the sender's event memory
//	Arena    id, access                   where are the pages that you granted?
//	ArenaIs  id, status, access, fd
//	Bind     id, a=port, b=port           my port b binds your port a
//	Bound    id, status
//	Unbind   id, a=port, b=port           my port b no longer hears your port a
//	Unbound  id
package proto

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/xenidc/idc/runtime/platform"
)

// Version is that of both protocols. They are spoken between processes of one
// machine and one release; a difference is refused.
const Version = 1

// ControlSuffix is appended to the store socket's path to name the control socket.
const ControlSuffix = ".domains"

// LockSuffix is appended to the store socket's path to name the broker's lock file.
const LockSuffix = ".lock"

// CheckPath refuses a store socket's path whose siblings wouldn't fit a socket
// address (108 bytes, sockaddr_un).
func CheckPath(path string) error {
	if n := len(path) + len(ControlSuffix); n > 107 {
		return fmt.Errorf("the socket's path is too long by %d bytes: %s", n-107, path)
	}
	return nil
}

// MaxName bounds the name of a domain, in bytes.
const MaxName = 64

// MaxQuestions bounds the unanswered questions of one side of a link. A side that
// keeps to it can't fill the other's socket buffer.
const MaxQuestions = 64

// Op is the kind of a message.
type Op uint8

// Messages of the control socket, then of a link.
const (
	Join Op = 1 + iota
	Welcome
	Link
	Linked
	Peer
	Store
	StoreIs
	Leave
	Hello
	Arena
	ArenaIs
	Bind
	Bound
	Unbind
	Unbound
)

// Status is how a question was answered.
type Status uint8

// Answers.
const (
	OK Status = iota
	NoDomain
	Gone
	BadPort
	NoArena
	NoSpace
	Refused
	BadVersion
)

// Err is the platform's error for a status, nil for OK. NoArena is ErrBadRef: a
// domain that granted nothing has no reference that is good.
func (s Status) Err() error {
	switch s {
	case OK:
		return nil
	case NoDomain:
		return platform.ErrNoDomain
	case Gone:
		return platform.ErrPeerGone
	case BadPort:
		return platform.ErrBadPort
	case NoArena:
		return platform.ErrBadRef
	case NoSpace:
		return platform.ErrNoSpace
	case BadVersion:
		return errors.New("another version of the protocol")
	}
	return errors.New("refused")
}

// PrivilegedStore in the flags of Store asks for the toolstack's rights.
const PrivilegedStore = 1

// Msg is one message. Which fields mean something depends on Op.
type Msg struct {
	Op     Op
	Status Status
	Access uint8
	Flags  uint8
	ID     uint32
	A, B   uint32
	Name   string
}

// headSize is the size in bytes of a message without its name.
const headSize = 16

// MaxSize is the size in bytes of the longest message.
const MaxSize = headSize + MaxName

// Append appends the wire form of m.
func (m Msg) Append(b []byte) []byte {
	b = append(b, byte(m.Op), byte(m.Status), m.Access, m.Flags)
	b = binary.LittleEndian.AppendUint32(b, m.ID)
	b = binary.LittleEndian.AppendUint32(b, m.A)
	b = binary.LittleEndian.AppendUint32(b, m.B)
	return append(b, m.Name...)
}

// Parse reads a message that anybody may have written. It checks the form alone.
func Parse(b []byte) (Msg, error) {
	if len(b) < headSize || len(b) > MaxSize {
		return Msg{}, fmt.Errorf("message of %d bytes, want %d to %d", len(b), headSize, MaxSize)
	}
	m := Msg{
		Op: Op(b[0]), Status: Status(b[1]), Access: b[2], Flags: b[3],
		ID: binary.LittleEndian.Uint32(b[4:]),
		A:  binary.LittleEndian.Uint32(b[8:]),
		B:  binary.LittleEndian.Uint32(b[12:]),
	}
	if len(b) > headSize && m.Op != Join {
		return Msg{}, fmt.Errorf("message %d with %d bytes too many", m.Op, len(b)-headSize)
	}
	m.Name = string(b[headSize:])
	return m, nil
}
