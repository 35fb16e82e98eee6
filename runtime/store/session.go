package store

import (
	"bufio"
	"errors"
	"io"
	"sync"

	"github.com/xenidc/idc/runtime/platform"
)

// maxReplies bounds the replies that wait for a client to read them where its quota
// doesn't: no client can make the server grow by not reading.
const maxReplies = 1024

// Paced is what a connection offers beside if its requests are carried out in turns that
// it has to wait for, so that who has many connections gets no more done than others.
type Paced interface {
	// Begin returns when a request that was read may be carried out.
	Begin()
	// End says that it has been.
	End()
}

// session is one client's connection.
//
//	conn -> reader (the goroutine of Serve) -> Server.handle -> out -> writer -> conn
type session struct {
	s          *Server
	conn       io.ReadWriteCloser
	paced      Paced // conn, or nil
	dom        *domain
	privileged bool
	out        *queue
	endOnce    sync.Once

	// Guarded by Server.mu.
	watches      map[watchKey]*watch
	transactions map[uint32]*overlay
	lastTx       uint32
	ended        bool // its domain was released: nothing more is carried out
}

func newSession(s *Server, conn io.ReadWriteCloser, dom *domain, privileged bool) *session {
	paced, _ := conn.(Paced)
	return &session{
		s:            s,
		conn:         conn,
		paced:        paced,
		dom:          dom,
		privileged:   privileged,
		out:          newQueue(),
		watches:      map[watchKey]*watch{},
		transactions: map[uint32]*overlay{},
	}
}

// run serves the connection until it ends.
func (ses *session) run() error {
	var writer sync.WaitGroup
	writer.Add(1)
	go func() {
		defer writer.Done()
		ses.write()
	}()
	err := ses.read()
	ses.end()
	ses.s.leave(ses)
	writer.Wait()
	return err
}

// end makes run return. It doesn't block.
func (ses *session) end() {
	ses.endOnce.Do(func() {
		ses.out.close()
		ses.conn.Close()
	})
}

// read carries out requests until the connection ends.
func (ses *session) read() error {
	r := bufio.NewReaderSize(ses.conn, HeaderSize+MaxPayload)
	buf := make([]byte, HeaderSize+MaxPayload)
	for {
		if !ses.out.waitRoom(ses.replyLimit()) {
			return nil
		}
		h, payload, err := readMessage(r, buf)
		switch {
		case err == nil:
			ses.carryOut(h, payload)
		case errors.Is(err, io.EOF) || ses.out.isClosed():
			return nil
		default:
			return err
		}
	}
}

// carryOut carries out one request, in its turn.
func (ses *session) carryOut(h header, payload []byte) {
	if ses.paced != nil {
		ses.paced.Begin()
		defer ses.paced.End()
	}
	ses.s.handle(ses, h, payload)
}

// replyLimit is how many replies may be unsent when a request is read.
func (ses *session) replyLimit() int {
	ses.s.mu.Lock()
	defer ses.s.mu.Unlock()
	if n := ses.dom.quota.Outstanding; !ses.privileged && n > 0 {
		return min(n, maxReplies)
	}
	return maxReplies
}

// write sends what is queued until the session ends. A client that doesn't read keeps
// it blocked here, and nobody else.
func (ses *session) write() {
	buf := make([]byte, 0, batch+HeaderSize+MaxPayload)
	for {
		select {
		case <-ses.out.ready:
		case <-ses.out.done:
			return
		}
		for {
			var replies int
			buf, replies = ses.out.fill(buf[:0])
			if len(buf) == 0 {
				break
			}
			if _, err := ses.conn.Write(buf); err != nil {
				ses.end() // the reader finds it closed
				return
			}
			ses.out.sent(replies)
		}
	}
}

// rights is what a list of permissions gives the session (perm_for_conn,
// tools/xenstored/core.c): everything to privileged ones and the owner; else what
// the first entry that names its domain says; else what the owner's entry says.
func (ses *session) rights(perms []Perm) Rights {
	if ses.privileged || ses.is(perms[0].Dom) {
		return PermBoth | permOwner
	}
	for _, p := range perms[1:] {
		if ses.is(p.Dom) {
			return p.Rights
		}
	}
	return perms[0].Rights
}

// is says whether the session acts as a domain: its own, or the one that is its target.
func (ses *session) is(dom platform.DomID) bool {
	return dom == ses.dom.id || ses.dom.target != nil && dom == *ses.dom.target
}
