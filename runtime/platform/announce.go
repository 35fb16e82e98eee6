package platform

// Announcer is what a [Grant] or a [Mapping] offers beside if its platform can tell a
// peer that it has ended, however that came about: also by this process's death, which
// on Xen is no end of a domain, closes a port without a sound, and so would leave a
// peer asleep. Ask for it by a type assertion.
type Announcer interface {
	// Announce makes an event pending on c's remote end once the memory is gone from this
	// process: freed or unmapped, by whomever. The port stays bound until then, even if c
	// is closed. The last call counts. It fails with ErrClosed after the domain's end.
	Announce(c Channel) error
}
