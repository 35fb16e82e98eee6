//go:build linux

package broker

import (
	"net"
	"os"
	"time"

	"github.com/xenidc/idc/runtime/internal/sys"
)

// who is a client as the kernel describes it.
type who struct {
	pid      int32
	uid, gid uint32
	process  *sys.Process // nil where the kernel doesn't tell
}

// identify asks the kernel who connected. The process is closed by the caller.
func identify(c *net.UnixConn) (who, error) {
	cred, err := sys.PeerCred(c)
	if err != nil {
		return who{}, err
	}
	return who{cred.Pid, cred.Uid, cred.Gid, sys.PeerProcess(c, cred)}, nil
}

// is reports whether both are one process of one user. A number alone doesn't tell: it is
// 0 for all of another process namespace, and used again when a process has ended.
func (w who) is(v who) bool {
	return w.uid == v.uid && w.process.Same(v.process, w.pid != 0 && w.pid == v.pid)
}

// trusted reports whether the client may do what the broker may: it could kill it
// anyway.
func (w who) trusted() bool { return w.uid == 0 || w.uid == uint32(os.Geteuid()) }

// user is what all clients of one user have together, so that one user can't take what
// is there for all. It is there as long as one of them is; turn apart, it is guarded by
// the broker's mu.
type user struct {
	uid     uint32
	uses    int // connections, and what waits in backlog or is pending
	conns   int
	pending int // links being made
	wants   int // links with domains that aren't there yet
	closing int // connections that were refused, and are being closed
	next    time.Time
	backlog []*pair // links to be made when fewer are pending
	// turn holds an item while something is done for the user. Who waits for it is
	// served in order.
	turn chan struct{}
}

// userOf returns a user, one use more.
func (b *Broker) userOfLocked(uid uint32) *user {
	u := b.users[uid]
	if u == nil {
		u = &user{uid: uid, turn: make(chan struct{}, 1)}
		b.users[uid] = u
	}
	u.uses++
	return u
}

// unuseLocked ends a use.
func (b *Broker) unuseLocked(u *user) {
	if u.uses--; u.uses == 0 {
		delete(b.users, u.uid)
	}
}

// A user gets connectBurst connections served at once, and then one each connectPause:
// making a connection is cheap for who makes it. Those that wait are counted, and those
// beyond what the user may have hold up whoever connects, by refusePause each.
const (
	connectBurst = 256
	connectPause = time.Millisecond
	refusePause  = 200 * time.Microsecond
)

// waitLocked is how long a new connection of the user's waits.
func (u *user) waitLocked() time.Duration {
	now := time.Now()
	if earliest := now.Add(-connectBurst * connectPause); u.next.Before(earliest) {
		u.next = earliest
	}
	u.next = u.next.Add(connectPause)
	return u.next.Sub(now)
}

// refuse closes a connection of a user who has too many. What it sent may make that slow
// (see [sys.Packet]), so others don't wait for it, as long as the user has few of those.
func (b *Broker) refuse(c *net.UnixConn, w who) {
	b.log.note(w, "connection refused: too many")
	w.process.Close()
	b.mu.Lock()
	u := b.userOfLocked(w.uid)
	u.closing++
	slow := u.closing > b.opts.MaxPerUser
	b.mu.Unlock()
	over := func() {
		c.Close()
		b.mu.Lock()
		defer b.mu.Unlock()
		u.closing--
		b.unuseLocked(u)
	}
	if slow {
		over()
	} else {
		go over()
	}
	time.Sleep(refusePause)
}

// paced is a connection to the store whose requests wait for the turn of its user: one
// who has many connections gets done what one gets done who has one.
type paced struct {
	*net.UnixConn
	u *user
}

// Close ends the connection without waiting for who reads from it, whom the client can
// keep busy (see [sys.Packet]). Whoever serves it closes it for good.
func (p paced) Close() error {
	sys.ShutDown(p.UnixConn)
	return nil
}

// Begin waits for the user's turn.
func (p paced) Begin() { p.u.turn <- struct{}{} }

// End ends it.
func (p paced) End() { <-p.u.turn }
