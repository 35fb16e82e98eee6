// Package platform is the contract between the runtime and the places where
// domains live: memory that can be granted, event channels, and a way to the
// store. It holds no code that runs. The implementations stand beside it (sim,
// host, xen), and platformtest holds one suite that all of them pass.
//
// Words are Xen's: a grant reference names one page that its owner lets one
// other domain reach; a port is one end of an event channel, a one-bit lossless
// doorbell.
package platform

import (
	"context"
	"errors"
	"io"

	"github.com/xenidc/idc/runtime/shm"
)

// DomID numbers a domain (domid_t, xen/include/public/xen.h).
type DomID uint16

// FirstReserved is the first number that no domain has (DOMID_FIRST_RESERVED,
// xen/include/public/xen.h).
const FirstReserved DomID = 0x7FF0

// GrantRef names a granted page within its owner (grant_ref_t,
// xen/include/public/grant_table.h). Zero is never a valid one here.
type GrantRef uint32

// Port names one end of an event channel within its owner (evtchn_port_t,
// xen/include/public/event_channel.h). Zero is never a valid one.
type Port uint32

// Access says what a grant allows the domain that it is given to.
type Access uint8

const (
	// ReadWrite lets the peer read and write the page.
	ReadWrite Access = iota
	// ReadOnly lets the peer read the page.
	ReadOnly
)

var (
	// ErrClosed is returned by every method of an object after its Close.
	ErrClosed = errors.New("closed")
	// ErrPeerGone says that the other domain has ended.
	ErrPeerGone = errors.New("the other domain is gone")
	// ErrBadRef says that a grant reference names no page that we may map so.
	ErrBadRef = errors.New("bad grant reference")
	// ErrNoSpace says that a quota or a table is exhausted.
	ErrNoSpace = errors.New("out of grants, ports or memory")
	// ErrBadPort says that a port doesn't exist, isn't ours to bind, or is bound already.
	ErrBadPort = errors.New("bad event channel port")
	// ErrNoDomain says that no such domain is there.
	ErrNoDomain = errors.New("no such domain")
)

// Domain is our own domain: the one that the calling program is. All methods may
// be called by any number of goroutines at once.
type Domain interface {
	// ID is our number. It doesn't change.
	ID() DomID

	// Grant allocates pages (at least one) of zeroed memory and grants each to
	// peer. The memory is contiguous on our side. The peer need not be there yet.
	// It fails with ErrNoSpace, or ErrPeerGone when peer has ended.
	Grant(peer DomID, pages int, access Access) (Grant, error)

	// Map maps pages that peer granted to us, contiguous and in the order of refs.
	// All are mapped or none. It fails with ErrBadRef (also for ReadWrite access to a
	// page granted ReadOnly), ErrPeerGone or ErrNoSpace. It may block while the
	// peer's memory is first introduced, and may allocate.
	Map(peer DomID, refs []GrantRef, access Access) (Mapping, error)

	// MapEach maps pages that peer granted to us, each by itself: pages[i] becomes
	// the page of refs[i]. It is the data path: where memory is shared already it
	// makes no system call and doesn't allocate. All are mapped or none. Each
	// success is paired with one UnmapEach of the same arguments.
	MapEach(peer DomID, refs []GrantRef, access Access, pages []shm.Memory) error

	// UnmapEach ends a MapEach. The pages must not be touched afterwards.
	UnmapEach(peer DomID, refs []GrantRef, access Access, pages []shm.Memory)

	// Listen allocates a port that peer may bind (EVTCHNOP_alloc_unbound).
	Listen(peer DomID) (Channel, error)

	// Bind makes a port of ours bound to a port of peer's that listens for us
	// (EVTCHNOP_bind_interdomain). A first, spurious event is pending on both ends. It
	// fails with ErrBadPort, ErrPeerGone or ErrNoDomain.
	Bind(peer DomID, remote Port) (Channel, error)

	// DialStore opens a connection to the store, speaking the xenstore wire protocol
	// (xen/include/public/io/xs_wire.h). One Write must carry exactly one whole
	// message, header included, because the kernel's device wants it so.
	DialStore(ctx context.Context) (io.ReadWriteCloser, error)

	// Close ends the domain's stay: blocked calls return ErrClosed, and so does every
	// later one. The peers see the domain as gone. Memory that is still held isn't
	// unmapped under those who may be touching it: it stays until its Free, Unmap or
	// UnmapEach, which are owed after Close, too. What we mapped is as it was. What we
	// granted is ours alone from then on: as it was (host), or zeros (sim, xen).
	Close() error
}

// Rejoiner is a Domain that can take its place again after it was lost, as when what
// introduces the domains to each other was started anew.
type Rejoiner interface {
	Domain
	// Rejoin returns the domain that stands in for this one: itself while it has its
	// place, else one that has taken a place anew, under another number, with nothing of
	// what this one had. What was lost is closed then, as by Close. All callers get the
	// same, until that one, too, has lost its place; it belongs to the first Domain, whose
	// Close ends it. It fails with ErrClosed after that.
	Rejoin(ctx context.Context) (Domain, error)
}

// Grant is memory of ours that a peer may reach. Its owner goroutine frees it.
type Grant interface {
	// Memory is our mapping of the pages, valid until Free.
	Memory() shm.Memory
	// Refs holds one grant reference a page. The caller must not change it.
	Refs() []GrantRef
	// Revoke takes the memory back without the peer's cooperation where the platform
	// can (host and sim: afterwards the peer reads zeros, faults nothing, and its
	// writes reach nobody; our contents are zeroed too). It returns false where the
	// peer still holds a page and can't be made to let go: then the memory must be
	// abandoned, not reused.
	Revoke() bool
	// Reclaim takes the memory back from the peer as Revoke does, and leaves our contents
	// where they are: Memory is ours alone from now on, and what anybody of ours writes
	// meanwhile isn't lost, though on xen it may be read back only once Reclaim is over. The references lead to nothing of ours any more. It returns false, and
	// has changed nothing, while the platform can't do that: on sim while the peer has a
	// page mapped. It may be tried again.
	Reclaim() bool
	// Free revokes and returns the pages. A page that the peer won't release is
	// abandoned, and counted by the platform. It is called once.
	Free()
}

// Mapping is memory of a peer's that we mapped.
type Mapping interface {
	// Memory is our mapping, valid until Unmap. When the owner revokes, it reads as
	// zeros and never faults (host, sim) or stays as it was (xen).
	Memory() shm.Memory
	// Unmap ends the mapping. It is called once.
	Unmap()
}

// Channel is our end of an event channel. Events are never lost, and may be
// merged: many Notify between two Wait give one return. Spurious returns happen.
type Channel interface {
	// Port is our end's number, to be told to the peer.
	Port() Port
	// Notify makes an event pending on the peer's end. It doesn't block, doesn't
	// allocate, and does nothing when the peer isn't bound or is gone.
	Notify()
	// Wait blocks until an event is pending, and clears it. It must have only one
	// caller at a time. It returns ErrClosed after Close and ErrPeerGone once the
	// other domain has ended (after any event it sent). It doesn't allocate. It
	// sleeps at once; callers poll their rings before they call.
	Wait() error
	// Wake makes the present Wait, or the next one, return nil.
	Wake()
	// Close unbinds and frees the port; the peer's end stays, deaf. A blocked Wait
	// returns ErrClosed.
	Close() error
}
