//go:build linux

package host

import "time"

// Abandon ends a domain without a word to the broker or the peers, as the death of
// its process does.
func (d *Domain) Abandon() {
	d.control.conn.Close()
	_ = d.Close()
}

// SetAnswerTime changes how long peers have for an answer, and returns what undoes
// it. No domain may be in use.
func SetAnswerTime(d time.Duration) (undo func()) {
	old := answerTime
	answerTime = d
	return func() { answerTime = old }
}
