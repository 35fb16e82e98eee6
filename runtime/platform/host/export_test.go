//go:build linux

package host

// Abandon ends a domain without a word to the broker or the peers, as the death of
// its process does. Who waits in it, and lives on, hears of that first.
func (d *Domain) Abandon() {
	d.mu.Lock()
	held := keys(d.held)
	d.mu.Unlock()
	for _, p := range held {
		for _, c := range p.in.all() {
			if _, ok := p.in.shut(c); ok {
				p.in.give(c.index)
				p.unuse()
			}
		}
	}
	d.control.conn.Close()
	_ = d.Close()
}

// Where things are in the memory of a link (see shared.go), for those who misuse it.
const (
	EventSize = eventSize
	BellOff   = bellOff
	TagOff    = tagOff
	LeftOff   = leftOff
	WordsAt   = wordsAt
	BoundAt   = boundAt
	LinkPorts = linkPorts
)
