package idc

import (
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/transport"
)

// Version1 is a constant that generated code refers to. A compile error there means
// that the stubs were generated for another version of this package: run idcgen
// again, or upgrade the package.
const Version1 = true

// The names that generated code and drivers need from the layers below.
type (
	// Domain is our own domain on a platform; see platform.Domain.
	Domain = platform.Domain
	// DomID numbers a domain.
	DomID = platform.DomID
	// GrantRef names a granted page.
	GrantRef = platform.GrantRef
	// Port names one end of an event channel.
	Port = platform.Port
	// Txn is a transaction of a front end.
	Txn = transport.Txn
	// Request is a request that a back end took.
	Request = transport.Request
	// Bulk is the bulk data of a Request.
	Bulk = transport.Bulk
	// Served tells how the service of a request ended; see Observe.
	Served = transport.Served
	// Segment is a part of a granted page.
	Segment = transport.Segment
	// Direction says which way bulk data travels.
	Direction = transport.Direction
	// Wire is the shape of a ring's slots on one ABI.
	Wire = transport.Wire
	// Field is an integer field of a slot.
	Field = transport.Field
	// ProtocolError says what a peer did that the protocol forbids.
	ProtocolError = transport.ProtocolError
)

const (
	// In carries bulk data from the front end to the back end.
	In = transport.In
	// Out carries bulk data from the back end to the front end.
	Out = transport.Out
)

// Transport errors; test for them with errors.Is.
var (
	ErrClosed       = transport.ErrClosed
	ErrDisconnected = transport.ErrDisconnected
	ErrProtocol     = transport.ErrProtocol
	ErrTooLong      = transport.ErrTooLong
	ErrStillLent    = transport.ErrStillLent
	ErrWouldBlock   = transport.ErrWouldBlock
	ErrBadResult    = transport.ErrBadResult
	ErrPeerGone     = platform.ErrPeerGone
)

// TooLong is the error of an argument that doesn't fit; generated code uses it.
func TooLong(what string, limit int, unit string) error { return transport.TooLong(what, limit, unit) }

// Ended tells when a transaction that its caller left is over; see transport.Ended.
func Ended(err error) <-chan struct{} { return transport.Ended(err) }

// NoWait is a context for callers that may not sleep; see transport.NoWait.
var NoWait = transport.NoWait
