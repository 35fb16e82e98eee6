package platform

// Copier is what a platform offers beside [Domain] if it can copy to and from pages
// that a peer granted without mapping them (GNTTABOP_copy,
// xen/include/public/grant_table.h). Ask a Domain for it by a type assertion. Where
// mapping costs system calls, copying small requests is cheaper, and what was copied
// is private: the peer can't change it any more.
//
// Both methods may be called by any number of goroutines at once, block only for the
// time of the copy, and don't allocate once they have seen a batch as large, unless
// they fail. They keep nothing of pieces.
type Copier interface {
	// CopyFrom fills each piece's Local from the peer's page. It needs a grant of either
	// access.
	CopyFrom(peer DomID, pieces []CopyPiece) error
	// CopyTo writes each piece's Local to the peer's page, and no byte beside it. It
	// needs a ReadWrite grant.
	CopyTo(peer DomID, pieces []CopyPiece) error
}

// CopyPiece is one part of a batch of copies. The caller owns it and its memory.
type CopyPiece struct {
	// Ref is the peer's page.
	Ref GrantRef
	// Offset is where in the page the piece begins, in bytes.
	Offset uint32
	// Local is our side: 1 to shm.PageSize-Offset bytes. A piece doesn't leave its page;
	// one that would is refused with ErrBadRef.
	Local []byte
	// Err is what became of this piece, set by every call: pieces are copied or refused
	// each by itself, in no order. Where one is refused the call returns the error of the
	// first such piece. ErrBadRef says that the page isn't granted to us so, ErrPeerGone
	// and ErrClosed what they say elsewhere.
	Err error
}
