package platform

// Users is what a platform offers beside Domain if it knows which user of the machine a
// domain runs as.
type Users interface {
	// UserOf returns the numbers of the user and the group of a domain, as the platform
	// knows them and not as the domain says. It fails with ErrNoDomain or ErrPeerGone if
	// there is no such domain.
	UserOf(peer DomID) (uid, gid uint32, err error)
}
