package idc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/xenidc/idc/runtime/platform"
)

// BackSpec is what generated code adds to a Protocol to make back ends of it.
type BackSpec struct {
	Protocol *Protocol
	// Publish adds what the back end offers.
	Publish func(w *KeyWriter)
	// Accept checks what a front end published, before its rings are mapped.
	Accept func(r *KeyReader) error
	// Handle serves one request. It runs on any worker.
	Handle func(*Request)
}

// ErrHandlers says that a service ended although handlers of it haven't returned. They
// keep the memory that they use until they do.
var ErrHandlers = errors.New("handlers haven't returned")

// ErrBusy says that a back end serves as many front ends as it may, so that another has
// to wait. It is an ErrDisconnected, too.
var ErrBusy = notConnected("there is no seat left")

// ErrTaken says that another back end serves the name.
var ErrTaken = errors.New("another back end serves that name")

// Service serves a device under a name to every front end that asks for it, each on
// an endpoint of its own: what one front end does, or how it dies, is no concern of
// another's. With the option Device it serves the one device that a toolstack
// assigned. All methods may be called by any number of goroutines at once.
type Service struct {
	hub  *hub
	name string
	spec BackSpec
	opt  options
	log  *slog.Logger

	reports *reports

	stop    context.CancelFunc
	stopped chan struct{}
	left    int           // rings with handlers that haven't returned; valid once stopped
	changed chan struct{} // cap 1: other keys are to be published

	mu    sync.Mutex
	up    chan struct{} // closed once the name has been claimed
	isUp  bool
	fault error
}

// NewService starts to serve. It cannot fail: a name that is taken or a store out
// of reach is reported by Ready, and tried again until Close.
func NewService(d platform.Domain, name string, spec BackSpec, opts ...Option) *Service {
	o := newOptions(opts)
	s := &Service{
		hub: hubOf(d), name: name, spec: spec, opt: o,
		log:     o.log.With("protocol", spec.Protocol.Name, "name", name, "end", "back"),
		reports: newReports(&o, "protocol", spec.Protocol.Name, "name", name, "end", "back"),
		stopped: make(chan struct{}), up: make(chan struct{}), changed: make(chan struct{}, 1),
		fault: errors.New("not announced yet"),
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	go s.run(ctx)
	return s
}

// Serve serves until ctx ends, then finishes what is under way, as Close does. It returns
// what Close returns then, and otherwise why the service can't be: the name is taken, for
// example.
func (s *Service) Serve(ctx context.Context) error {
	if err := s.Ready(ctx); err != nil {
		return errors.Join(err, s.Close())
	}
	<-ctx.Done()
	return s.Close()
}

// Ready waits until the name is ours, or the device there. It fails at once if another
// back end has the name.
func (s *Service) Ready(ctx context.Context) error {
	for {
		s.mu.Lock()
		up, isUp, fault := s.up, s.isUp, s.fault
		s.mu.Unlock()
		switch {
		case isUp:
			return nil
		case errors.Is(fault, ErrTaken), errors.Is(fault, errName):
			return fault
		}
		select {
		case <-up:
		case <-s.stopped:
			return ErrClosed
		case <-ctx.Done():
			return fmt.Errorf("%s %q: not announced: %w (%w)", s.spec.Protocol.Name, s.name, fault, context.Cause(ctx))
		}
	}
}

var errName = errors.New("not a name")

// Name is the name that is served.
func (s *Service) Name() string { return s.name }

// Republish has the service publish its keys anew where it is connected, as a back end
// does whose disk has grown: BackSpec.Publish is called again for each endpoint, and the
// state is written once more, which tells the front end. Endpoints that aren't connected
// publish at their next step anyhow. It doesn't block.
func (s *Service) Republish() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Close withdraws the name, finishes the requests that were taken, and disconnects
// every front end. A toolstack's device stays, closed: its front end is asked to close
// first, and waited for, for up to 5 seconds. Handlers then have 10 seconds to return
// before their contexts end, and 2 more: it fails with ErrHandlers if any hasn't then. So
// a handler may call it, and is waited for in vain.
func (s *Service) Close() error {
	s.stop()
	<-s.stopped
	if s.left > 0 {
		return fmt.Errorf("%s %q: %w, on %d rings", s.spec.Protocol.Name, s.name, ErrHandlers, s.left)
	}
	return nil
}

func (s *Service) run(ctx context.Context) {
	defer close(s.stopped)
	defer s.hub.leave()
	if err := s.validAddress(); err != nil {
		s.report(false, fmt.Errorf("%w: %w", errName, err))
		<-ctx.Done()
		return
	}
	said := ""
	for pause := retryFirst; ctx.Err() == nil; pause = min(2*pause, retryMost) {
		began := time.Now()
		err := s.live(ctx)
		if ctx.Err() != nil {
			return
		}
		pause = pauseAfter(pause, time.Since(began))
		level := slog.LevelWarn
		if said == err.Error() || errors.Is(err, ErrTaken) { // Ready tells the latter
			level = slog.LevelDebug
		}
		said = err.Error()
		s.log.Log(ctx, level, "service interrupted", "err", err, "retry", pause)
		s.report(false, err)
		sleep(ctx, pause)
	}
}

// validAddress reports whether there can be such a service.
func (s *Service) validAddress() error {
	if s.opt.device {
		return nil
	}
	return validName(s.name)
}

// report notes whether the name is ours. Whoever waits in Ready looks again.
func (s *Service) report(isUp bool, fault error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isUp, s.fault = isUp, fault
	close(s.up)
	s.up = make(chan struct{})
}

// live attends to front ends on one store connection.
func (s *Service) live(ctx context.Context) error {
	c, err := s.hub.connect(ctx)
	if err != nil {
		return err
	}
	roll := s.newRoll(c)
	if err := roll.open(ctx); err != nil {
		return err
	}
	defer roll.close()
	ends := newReception(s, c, roll)
	defer ends.close()
	for {
		start := time.Now()
		err := ends.reconcile(ctx)
		if err != nil && !isAbsent(err) {
			return err
		}
		s.progress(err)
		sleep(ctx, min(2*time.Since(start), breath)) // who keeps us looking has a third of our time
		select {
		case <-roll.watch().C():
			drainWatch(roll.watch())
		case <-ends.gone:
		case <-ends.due():
		case <-s.changed:
			ends.republish()
		case <-c.Done():
			return c.Err()
		case <-ctx.Done():
			return nil
		}
	}
}

// breath is the longest pause between two looks at who asks for service.
const breath = 50 * time.Millisecond

// progress reports whether we serve now, if that has changed; fault says why not.
func (s *Service) progress(fault error) {
	s.mu.Lock()
	was := s.isUp
	s.mu.Unlock()
	if was != (fault == nil) || fault != nil {
		s.report(fault == nil, fault)
	}
	if !was && fault == nil {
		s.log.Info("serving")
	}
}
