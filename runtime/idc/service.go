package idc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
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

// ErrTaken says that another back end serves the name.
var ErrTaken = errors.New("another back end serves that name")

// Service serves a device under a name to every front end that asks for it, each on
// an endpoint of its own: what one front end does, or how it dies, is no concern of
// another's. All methods may be called by any number of goroutines at once.
type Service struct {
	dom  platform.Domain
	name string
	spec BackSpec
	opt  options
	log  *slog.Logger

	stop    context.CancelFunc
	stopped chan struct{}

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
		dom: d, name: name, spec: spec, opt: o,
		log:     o.log.With("protocol", spec.Protocol.Name, "name", name, "end", "back"),
		stopped: make(chan struct{}), up: make(chan struct{}),
		fault: errors.New("not announced yet"),
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	go s.run(ctx)
	return s
}

// Serve serves until ctx ends, then finishes what is under way. It returns nil then,
// and otherwise why the service can't be: the name is taken, for example.
func (s *Service) Serve(ctx context.Context) error {
	defer s.Close()
	if err := s.Ready(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// Ready waits until the name is ours. It fails at once if another back end has it.
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

// Close withdraws the name, finishes the requests that were taken, and disconnects
// every front end.
func (s *Service) Close() error {
	s.stop()
	<-s.stopped
	return nil
}

func (s *Service) run(ctx context.Context) {
	defer close(s.stopped)
	if err := validName(s.name); err != nil {
		s.report(false, fmt.Errorf("%w: %w", errName, err))
		<-ctx.Done()
		return
	}
	for pause := retryFirst; ctx.Err() == nil; pause = min(2*pause, retryMost) {
		err := s.live(ctx)
		if ctx.Err() != nil {
			return
		}
		s.log.Warn("service interrupted", "err", err, "retry", pause)
		s.report(false, err)
		sleep(ctx, pause)
	}
}

// report notes whether the name is ours. Whoever waits in Ready looks again.
func (s *Service) report(isUp bool, fault error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isUp, s.fault = isUp, fault
	close(s.up)
	s.up = make(chan struct{})
}

// live announces the name on one store connection and attends to front ends.
func (s *Service) live(ctx context.Context) error {
	conn, err := s.dom.DialStore(ctx)
	if err != nil {
		return fmt.Errorf("reach the store: %w", err)
	}
	c := store.NewClient(conn)
	defer c.Close()
	if err := s.announce(ctx, c); err != nil {
		return err
	}
	defer s.withdraw(c)
	fronts := servicePath(s.spec.Protocol.Device, s.name) + "/fronts"
	w, err := c.Watch(ctx, fronts)
	if err != nil {
		return err
	}
	s.report(true, nil)
	s.log.Info("serving")
	ends := newReception(s, c)
	defer ends.close()
	for {
		if err := ends.reconcile(ctx, fronts); err != nil {
			return err
		}
		select {
		case <-w.C():
			drainWatch(w)
		case <-ends.gone:
		case <-ends.due():
		case <-c.Done():
			return c.Err()
		case <-ctx.Done():
			return nil
		}
	}
}

// announce claims the name. A claim of a domain that is gone doesn't count: the
// store removes it with the domain.
func (s *Service) announce(ctx context.Context, c *store.Client) error {
	dir, own := servicePath(s.spec.Protocol.Device, s.name), s.dom.ID()
	return c.Transaction(ctx, func(tx store.Tx) error {
		switch owner, err := c.Read(ctx, tx, dir); {
		case err == nil && owner != "":
			return fmt.Errorf("%w: %s %q is domain %s's", ErrTaken, s.spec.Protocol.Name, s.name, owner)
		case err != nil && !errors.Is(err, syscall.ENOENT):
			return err
		}
		if err := c.Write(ctx, tx, dir, strconv.Itoa(int(own))); err != nil {
			return err
		}
		if err := c.SetPerms(ctx, tx, dir, store.Perm{Dom: own, Rights: store.PermRead}); err != nil {
			return err
		}
		if err := c.Mkdir(ctx, tx, dir+"/fronts"); err != nil {
			return err
		}
		return c.SetPerms(ctx, tx, dir+"/fronts", store.Perm{Dom: own, Rights: store.PermBoth})
	})
}

func (s *Service) withdraw(c *store.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	if err := c.Remove(ctx, store.NoTx, servicePath(s.spec.Protocol.Device, s.name)); err != nil {
		s.log.Debug("cannot withdraw", "err", err)
	}
}

// reception holds the endpoints of a service's front ends. Its service's goroutine
// owns it.
type reception struct {
	s    *Service
	c    *store.Client
	ends map[string]*backEnd
	rest map[string]rest // of requests that came to nothing
	gone chan struct{}   // cap 1: an endpoint ended
}

// rest is how long a request isn't looked at: a front end can leave one about that
// leads nowhere.
type rest struct {
	until time.Time
	pause time.Duration
}

func newReception(s *Service, c *store.Client) *reception {
	return &reception{s: s, c: c, ends: map[string]*backEnd{}, rest: map[string]rest{}, gone: make(chan struct{}, 1)}
}

// reconcile makes an endpoint for each front end that asks, as far as the quota
// allows, and forgets those that ended.
func (r *reception) reconcile(ctx context.Context, dir string) error {
	nodes, err := r.c.List(ctx, store.NoTx, dir)
	if err != nil && !errors.Is(err, syscall.ENOENT) {
		return err
	}
	for node, e := range r.ends {
		if e.isOver() {
			delete(r.ends, node)
			r.lay(node)
		}
	}
	for node := range r.rest {
		if !slices.Contains(nodes, node) {
			delete(r.rest, node)
		}
	}
	for _, node := range nodes {
		if r.ends[node] != nil || len(r.ends) >= r.s.opt.fronts || time.Now().Before(r.rest[node].until) {
			continue
		}
		if front, dev, ok := r.genuine(ctx, dir, node); ok {
			r.ends[node] = startBackEnd(r, front, dev)
		} else {
			r.lay(node)
		}
	}
	return nil
}

// lay lays a request to rest, longer each time.
func (r *reception) lay(node string) {
	pause := min(max(2*r.rest[node].pause, retryFirst), retryMost)
	r.rest[node] = rest{time.Now().Add(pause), pause}
}

// due fires when the first of the requests has rested; it never does if none rests.
func (r *reception) due() <-chan time.Time {
	var first time.Time
	for node, x := range r.rest {
		if r.ends[node] == nil && (first.IsZero() || x.until.Before(first)) {
			first = x.until
		}
	}
	if first.IsZero() || len(r.ends) >= r.s.opt.fronts {
		return nil
	}
	return time.After(time.Until(first))
}

// genuine reports which front end a node stands for: it counts only if that domain
// owns it.
func (r *reception) genuine(ctx context.Context, dir, node string) (front platform.DomID, dev int, ok bool) {
	front, dev, ok = parseRequest(node)
	if !ok {
		return 0, 0, false
	}
	perms, err := r.c.Perms(ctx, store.NoTx, dir+"/"+node)
	if err != nil || len(perms) == 0 || perms[0].Dom != front {
		return 0, 0, false
	}
	return front, dev, true
}

func (r *reception) ended() {
	select {
	case r.gone <- struct{}{}:
	default:
	}
}

// close ends all endpoints, side by side.
func (r *reception) close() {
	for _, e := range r.ends {
		e.stop()
	}
	for _, e := range r.ends {
		<-e.over
	}
}
