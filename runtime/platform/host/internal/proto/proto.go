// Package proto is what the broker and the domains say to each other over the control
// socket, SOCK_SEQPACKET: one packet is one message of fixed size, little-endian.
// Descriptors travel as SCM_RIGHTS, and from the broker alone. Domains say nothing to each
// other: what they have in common is memory.
//
//	offset  0     1       2            4       8      12     16     20     24
//	       +-----+-------+------------+-------+------+------+------+------+------...
//	       | op  | status| flags      | id    | a    | b    | c    | d    | name
//	       +-----+-------+------------+-------+------+------+------+------+------...
//
// id couples an answer with its question. A name is there in Join alone.
//
// D is a domain and B the broker:
//
//	D->B Join     a=Version, b=pages of its arenas, c=links that it has room for, name
//	B->D Welcome  status, a=domid
//	D->B Link     id, a=domid             link me with that domain
//	B->D Linked   id, status              after Ready, if it went well
//	D->B Store    id, flags               a connection to the store
//	B->D StoreIs  id, status, fd
//	D->B Leave                            B forgets D, then closes
//
// Notices come unasked, too. D answers each with Noted, in order, and B sends the next ones
// only when it has: what others cause doesn't fill the socket of a domain that is stopped.
//
//	B->D Peer     a=domid, b=pages of its arenas, c=pages of yours, flags; fds
//	B->D Ready    a=domid, b=pid, c=uid, d=gid; fd
//	B->D Gone     a=domid
//	D->B Noted    a=domid, status
//
// How two domains are linked. X asks first; Y need not be there for the first two lines.
//
//	B makes: a line, memory RW for both, memory RO of X, of Y
//	B->X Peer   First; line, RW, RO of X  X maps all, populates the events, Noted
//	B seals RO of X                       (see sys.SealMemfd)
//	B->Y Peer   line, RW, RO of Y, of X   Y maps all, Noted
//	B seals RW and RO of Y
//	B->Y Ready                            Y looks whether the events are populated
//	B->X Ready  RO of Y
package proto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/xenidc/idc/runtime/platform"
)

// Version is that of the protocol, and of what domains write to the memory that they
// share. It is spoken between processes of one machine and one release; a difference is
// refused.
const Version = 2

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

// MaxQuestions bounds the questions of a domain that the broker hasn't answered.
const MaxQuestions = 64

// MinArenaPages and MaxArenaPages bound the arenas of a domain; the largest is 256 MiB.
const (
	MinArenaPages = 16
	MaxArenaPages = 1 << 16
)

// LinkTime is how long the broker waits for a domain that is to be linked, before it
// tells who asked that it is silent.
const LinkTime = 2 * time.Second

// Window bounds the notices that a domain hasn't answered.
const Window = 8

// Op is the kind of a message.
type Op uint8

// Messages.
const (
	Join Op = 1 + iota
	Welcome
	Link
	Linked
	Store
	StoreIs
	Leave
	Peer
	Ready
	Gone
	Noted
)

// Status is how a question was answered.
type Status uint8

// Answers.
const (
	OK Status = iota
	NoDomain
	Ended
	NoSpace
	Refused
	BadVersion
	Silent
)

// errSilent says that a domain is there and does nothing.
var errSilent = errors.New("it doesn't answer the broker")

// Err is the platform's error for a status, nil for OK.
func (s Status) Err() error {
	switch s {
	case OK:
		return nil
	case NoDomain:
		return platform.ErrNoDomain
	case Ended:
		return platform.ErrPeerGone
	case Silent:
		return fmt.Errorf("%w: %w", platform.ErrPeerGone, errSilent)
	case NoSpace:
		return platform.ErrNoSpace
	case BadVersion:
		return errors.New("another version of the protocol")
	}
	return errors.New("refused")
}

// Flags.
const (
	// PrivilegedStore in Store asks for the toolstack's rights.
	PrivilegedStore = 1
	// First in Peer says that the receiver's part of the memory comes first, and that it
	// pays for the events' pages: it asked for the link.
	First = 1
)

// Msg is one message. Which fields mean something depends on Op.
type Msg struct {
	Op         Op
	Status     Status
	Flags      uint16
	ID         uint32
	A, B, C, D uint32
	Name       string
}

// headSize is the size in bytes of a message without its name.
const headSize = 24

// MaxSize is the size in bytes of the longest message.
const MaxSize = headSize + MaxName

// Append appends the wire form of m.
func (m Msg) Append(b []byte) []byte {
	b = append(b, byte(m.Op), byte(m.Status))
	b = binary.LittleEndian.AppendUint16(b, m.Flags)
	for _, v := range [...]uint32{m.ID, m.A, m.B, m.C, m.D} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return append(b, m.Name...)
}

// Parse reads a message that anybody may have written. It checks the form alone.
func Parse(b []byte) (Msg, error) {
	if len(b) < headSize || len(b) > MaxSize {
		return Msg{}, fmt.Errorf("message of %d bytes, want %d to %d", len(b), headSize, MaxSize)
	}
	m := Msg{Op: Op(b[0]), Status: Status(b[1]), Flags: binary.LittleEndian.Uint16(b[2:])}
	for i, v := range [...]*uint32{&m.ID, &m.A, &m.B, &m.C, &m.D} {
		*v = binary.LittleEndian.Uint32(b[4+4*i:])
	}
	if len(b) > headSize && m.Op != Join {
		return Msg{}, fmt.Errorf("message %d with %d bytes too many", m.Op, len(b)-headSize)
	}
	m.Name = string(b[headSize:])
	return m, nil
}
