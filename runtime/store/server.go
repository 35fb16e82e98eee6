package store

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/xenidc/idc/runtime/platform"
)

// ErrTooManyConnections is why Serve refuses a connection of a domain that has as many
// as Quota.Connections allows.
var ErrTooManyConnections = errors.New("too many xenstore connections of one domain")

// Options are what a Server is made with.
type Options struct {
	// Quota is what each unprivileged domain may hold. The zero Quota stands for
	// DefaultQuota; in any other, a limit of zero is none, so start from DefaultQuota.
	Quota Quota
	// UserQuota is what all domains of one user may hold together, where Introduce says who
	// a domain's user is. In the zero UserQuota nothing is limited.
	UserQuota UserQuota
	// Shared are the directories that domains share: see Discovery.
	Shared []Shared
}

// Server is a store: a tree in memory, and the sessions of those who use it. All
// methods may be called by any number of goroutines at once. Nothing is kept when the
// process ends.
//
// One lock guards the tree and everything that hangs on it; each request is carried out
// whole under it. Nothing blocks while it is held: what goes out is queued, and
// written by each session's own goroutine.
type Server struct {
	wg sync.WaitGroup // sessions started by Local

	mu       sync.Mutex
	quota    Quota
	shared   sharedDirs
	tree     *tree
	watches  watches
	domains  map[platform.DomID]*domain
	special  map[string][]Perm // permissions of the special names
	sessions map[*session]struct{}
	ending   []*session // to be ended once the lock is released
	closed   bool
}

// NewServer makes a server. Its tree holds /tool/xenstored, as every xenstored's does.
func NewServer(opts Options) *Server {
	if opts.Quota == (Quota{}) {
		opts.Quota = DefaultQuota()
	}
	nobody := []Perm{{Dom: 0}}
	s := &Server{
		quota:   opts.Quota,
		shared:  opts.Shared,
		tree:    newTree(opts.Shared, opts.UserQuota),
		watches: watches{at: map[string][]*watch{}},
		domains: map[platform.DomID]*domain{},
		special: map[string][]Perm{
			IntroduceDomain: nobody,
			ReleaseDomain:   nobody,
		},
		sessions: map[*session]struct{}{},
	}
	s.domain(0).introduced = true
	s.tree.insert("/tool", "", nobody)
	s.tree.insert("/tool/xenstored", "", nobody)
	s.makeShared()
	return s
}

// Serve serves one client on conn, and returns when the connection has ended: nil when
// the client closed it between two messages or the server ended it, else why. It
// closes conn, whose Close must make a blocked Read and Write return.
//
// dom is who the client is. A privileged client passes all permission checks, is exempt
// from quotas, and may manage domains.
func (s *Server) Serve(conn io.ReadWriteCloser, dom platform.DomID, privileged bool) error {
	ses, err := s.open(conn, dom, privileged)
	if err != nil {
		conn.Close()
		return err
	}
	return ses.run()
}

// Local returns a client within this process, as domain 0 and privileged. Its Close
// ends it, and so does the server's.
func (s *Server) Local() *Client {
	ours, theirs := net.Pipe()
	ses, err := s.open(theirs, 0, true)
	if err != nil {
		c := NewClient(ours)
		c.fail(ErrClosed) // before it can see the other end close
		theirs.Close()
		return c
	}
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		_ = ses.run() // how a connection of our own ended is no news
	}()
	return NewClient(ours)
}

// Close ends all sessions. Serve returns for each. It waits for those of Local.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for ses := range s.sessions {
		s.ending = append(s.ending, ses)
	}
	s.unlock()
	s.wg.Wait()
	return nil
}

// unlock releases the lock and ends the sessions that were marked under it.
func (s *Server) unlock() {
	ending := s.ending
	s.ending = nil
	s.mu.Unlock()
	for _, ses := range ending {
		ses.end()
	}
}

// open makes a session; it isn't running yet.
func (s *Server) open(conn io.ReadWriteCloser, dom platform.DomID, privileged bool) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	d := s.domain(dom)
	if !privileged && exceeds(d.sessions+1, d.quota.Connections) {
		return nil, fmt.Errorf("domain %d: %w", dom, ErrTooManyConnections)
	}
	d.sessions++
	ses := newSession(s, conn, d, privileged)
	s.sessions[ses] = struct{}{}
	return ses, nil
}

// leave removes a session that has ended, and all that it held.
func (s *Server) leave(ses *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resetSession(ses)
	delete(s.sessions, ses)
	ses.dom.sessions--
	s.settle(ses.dom)
}

// resetSession drops a session's watches and transactions.
func (s *Server) resetSession(ses *session) {
	for _, w := range ses.watches {
		s.dropWatch(w)
	}
	for id := range ses.transactions {
		s.endTransaction(ses, id)
	}
}

func (s *Server) endTransaction(ses *session, id uint32) {
	ses.dom.txBytes -= ses.transactions[id].bytes
	ses.dom.transactions--
	ses.dom.user.transactions--
	delete(ses.transactions, id)
}

func (s *Server) addWatch(w *watch) {
	w.ses.watches[watchKey{w.path, w.token}] = w
	w.ses.dom.watches++
	w.ses.dom.user.watches++
	s.watches.add(w)
}

func (s *Server) dropWatch(w *watch) {
	delete(w.ses.watches, watchKey{w.path, w.token})
	w.ses.dom.watches--
	w.ses.dom.user.watches--
	s.watches.remove(w)
	w.ses.out.drop(w)
}
