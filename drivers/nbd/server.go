package nbd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultConns is how many clients a server serves at once unless told otherwise.
const DefaultConns = 16

// DefaultGrace is how long an ending server waits for requests in flight, unless
// told otherwise.
const DefaultGrace = 10 * time.Second

// admissionTime is how long a client waits for another to leave when there are as many
// as may be.
const admissionTime = 5 * time.Second

// handshakeTime is how long a client may take to choose an export.
const handshakeTime = 30 * time.Second

// Server serves one disk to any number of clients. Its fields are set before Serve
// and not changed after.
type Server struct {
	// Name is the export's name. Clients may also ask for the default export, the
	// empty name.
	Name string
	// Disk is what is served.
	Disk Disk
	// Logger is told who came, who went and who broke the protocol; nil for nobody.
	Logger *slog.Logger
	// MaxConns bounds the clients at once, each of which may cost some 10 MiB. A client
	// that leaves counts until the requests that it leaves behind are over. One too many
	// waits 5 seconds for another to leave, and is disconnected then. 0 means
	// DefaultConns.
	MaxConns int
	// Grace bounds the wait for requests in flight when the server ends. 0 means
	// DefaultGrace.
	Grace time.Duration

	admissionWait time.Duration // of a client too many; 0 means admissionTime
}

// Serve accepts clients on l until ctx ends, and serves them concurrently. Then it
// closes l, reads no further request, lets those that were received finish and
// their replies leave, for as long as Grace, and returns nil when all connections
// are closed and all memory was given back. It returns earlier only when l fails.
// It is called once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	info := s.Disk.Info()
	if err := checkInfo(info); err != nil {
		return errors.Join(err, l.Close())
	}
	r := &running{Server: s, disk: newAligned(s.Disk), tickets: make(chan struct{}, s.maxConns()), queue: make(chan struct{}, s.maxConns())}
	r.latest.Store(&info)
	defer r.disk.close()
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		l.Close()
		time.AfterFunc(s.grace(), cancel)
	})
	defer stop()
	err := r.accept(ctx, work, l)
	r.conns.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("accept NBD clients: %w", err)
}

// running is a server that serves.
type running struct {
	*Server
	latest  atomic.Pointer[Info]
	disk    *aligned
	tickets chan struct{} // one for each client at most
	queue   chan struct{} // one for each that waits for a ticket
	conns   sync.WaitGroup
}

// info describes the disk as the latest client found it.
func (r *running) info() *Info { return r.latest.Load() }

// look finds out what the disk is like now: a client is told once, since NBD has no
// message for it. Its sectors stay as they were.
func (r *running) look() {
	now := r.Disk.Info()
	now.SectorSize = r.info().SectorSize
	if checkInfo(now) == nil {
		r.latest.Store(&now)
	}
}

// accept starts a connection for every client until l fails. When that isn't ctx's
// doing, the connections are ended too.
func (r *running) accept(ctx, work context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	for {
		sock, err := l.Accept()
		if err != nil && temporary(err) && ctx.Err() == nil {
			r.log().Warn("can't accept an NBD client now", "err", err)
			time.Sleep(50 * time.Millisecond)
			continue
		}
		if err != nil {
			cancel()
			l.Close()
			return err
		}
		r.admit(ctx, work, sock)
	}
}

// admit serves a client if there is room, or soon is: that one has left is noticed
// a moment after the next has come. As many may wait as may be served.
func (r *running) admit(ctx, work context.Context, sock net.Conn) {
	select {
	case r.tickets <- struct{}{}:
		r.conns.Go(func() { r.serveAdmitted(ctx, work, sock) })
		return
	default:
	}
	select {
	case r.queue <- struct{}{}:
	default:
		r.turnAway(sock)
		return
	}
	r.conns.Go(func() {
		timer := time.NewTimer(r.admission())
		defer timer.Stop()
		select {
		case r.tickets <- struct{}{}:
			<-r.queue
			r.serveAdmitted(ctx, work, sock)
			return
		case <-timer.C:
			r.turnAway(sock)
		case <-ctx.Done():
			sock.Close()
		}
		<-r.queue
	})
}

// serveAdmitted serves a client that has a ticket.
func (r *running) serveAdmitted(ctx, work context.Context, sock net.Conn) {
	defer func() { <-r.tickets }()
	r.serve(ctx, work, sock)
}

func (r *running) turnAway(sock net.Conn) {
	r.log().Warn("too many NBD clients; disconnected one", "limit", cap(r.tickets), "client", sock.RemoteAddr())
	sock.Close()
}

// serve negotiates with one client and serves it, until it leaves or ctx ends.
func (r *running) serve(ctx, work context.Context, sock net.Conn) {
	defer sock.Close()
	log := r.log().With("client", sock.RemoteAddr().String())
	// When told to stop, a blocked read returns. Replies may still be written, those
	// of requests that were abandoned too.
	stop := context.AfterFunc(ctx, func() {
		sock.SetReadDeadline(time.Unix(1, 0))
		sock.SetWriteDeadline(time.Now().Add(r.grace() + time.Second))
	})
	defer stop()
	sock.SetDeadline(time.Now().Add(handshakeTime))
	if ctx.Err() != nil {
		return
	}
	r.look()
	agreed, err := negotiate(sock, r)
	if err == nil {
		sock.SetDeadline(time.Time{})
		if ctx.Err() != nil { // the line above may have undone what stop did
			return
		}
		log.Debug("NBD client attached")
		err = newConn(work, r, sock, agreed).run(ctx)
	}
	switch {
	case err == nil || errors.Is(err, errLeft) || errors.Is(err, errHungUp) || ctx.Err() != nil:
		log.Debug("NBD client left")
	default:
		log.Warn("NBD client disconnected", "err", err)
	}
}

func (s *Server) log() *slog.Logger {
	if s.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Logger
}

func (s *Server) maxConns() int {
	if s.MaxConns <= 0 {
		return DefaultConns
	}
	return s.MaxConns
}

func (s *Server) admission() time.Duration {
	if s.admissionWait <= 0 {
		return admissionTime
	}
	return s.admissionWait
}

func (s *Server) grace() time.Duration {
	if s.Grace <= 0 {
		return DefaultGrace
	}
	return s.Grace
}

// temporary says whether accepting may work later: out of descriptors, or a client
// that left before it was accepted.
func temporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

// checkInfo refuses a disk that we can't serve.
func checkInfo(info Info) error {
	sector := int64(info.SectorSize)
	switch {
	case sector < 1 || sector&(sector-1) != 0 || sector > pieceSize:
		return fmt.Errorf("the disk's sector size %d is not a power of two up to %d", sector, pieceSize)
	case info.Size < 0 || info.Size%sector != 0 && !info.ReadOnly:
		return fmt.Errorf("the disk's size %d is not a multiple of its sector size %d", info.Size, sector)
	}
	return nil
}
