package idc

import (
	"log/slog"
	"time"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/transport"
)

// Option adjusts an endpoint or a service. Those that make no sense for it are
// ignored.
type Option func(*options)

type options struct {
	workers int
	queues  int
	order   int
	fronts  int
	spin    time.Duration
	polled  bool
	unkept  bool
	abi     string
	most    int // segments of a request; 0 is as many as there may be
	log     *slog.Logger
	logs    bool // the user has set log

	servers   []uint32 // who may serve; nil: see AnyServer
	anyServer bool

	device   bool // addressed by peer and dev
	peer     platform.DomID
	dev      int
	backType string

	publish      func(*KeyWriter)
	onConnect    func()
	onDisconnect func(error)
	onChange     func()
	observe      func(Served)
	die          bool // at a panic of the user's
}

func newOptions(opts []Option) options {
	o := options{workers: defaultWorkers, queues: 1, fronts: 4096, log: slog.New(slog.DiscardHandler)}
	for _, opt := range opts {
		opt(&o)
	}
	o.spin = transport.Spin(o.spin)
	return o
}

// Workers lets a back end serve up to n requests of a queue at once. The default is 16.
// A worker is started when it is first needed: while handlers are quick, one serves all.
// With several, requests aren't served in the order in which they came; with one they
// are, and a handler that hangs holds up all that come after it.
func Workers(n int) Option { return func(o *options) { o.workers = max(n, 1) } }

// defaultWorkers is half of the requests that Xen's block protocol has under way on a ring
// of one page: so some may hang, and others still go on.
const defaultWorkers = 16

// Queues asks for n rings where the protocol has several. A front end gets at most
// what the back end offers. The default is one.
func Queues(n int) Option { return func(o *options) { o.queues = max(n, 1) } }

// RingOrder asks for rings of 1<<n pages where the protocol has larger ones. A
// front end gets at most what the back end offers. The default is 0.
func RingOrder(n int) Option { return func(o *options) { o.order = max(n, 0) } }

// Fronts limits how many front ends a service serves at once. The default is 4096. When
// more ask, users and domains share the seats evenly: whoever has two more than one who
// waits loses the latest. Those who wait are told with ErrBusy.
func Fronts(n int) Option { return func(o *options) { o.fronts = max(n, 1) } }

// ServerUID makes a front end that connects to servers of these users alone, on platforms
// that know users, and to none on others. Without it, who serves a name when the front end
// first connects is whose server it accepts later, too: nobody else can take the place of
// a server that died.
func ServerUID(uids ...uint32) Option {
	return func(o *options) { o.servers = append([]uint32{}, uids...) }
}

// AnyServer makes a front end that connects to whoever serves its name, also if another
// user did before.
func AnyServer() Option { return func(o *options) { o.anyServer = true } }

// Spin sets how long to poll before sleeping: 0 is the default, 20 microseconds;
// negative is never. A machine with one CPU never polls.
func Spin(d time.Duration) Option { return func(o *options) { o.spin = d } }

// Polled makes a front end one that never sleeps and never asks for events, for
// callers that may not sleep: blocking calls poll, and asynchronous ones end in
// calls of Poll.
func Polled() Option { return func(o *options) { o.polled = true } }

// PersistentGrants says whether a back end may keep a front end's pages mapped between
// requests, where the protocol lets the ends choose; both must want it. The default
// is yes.
func PersistentGrants(yes bool) Option { return func(o *options) { o.unkept = !yes } }

// SpeakABI makes a front end speak the ABI of that name, for example "x86_32-abi",
// instead of its machine's.
func SpeakABI(name string) Option { return func(o *options) { o.abi = name } }

// MaxSegments makes a front end put at most n segments, of a page each, into a
// request, where the back end takes more. The default is as many as the back end
// takes.
func MaxSegments(n int) Option { return func(o *options) { o.most = max(n, 1) } }

// Publish makes a front end publish keys of its protocol. Generated code wraps it in
// a typed option.
func Publish(f func(w *KeyWriter)) Option { return func(o *options) { o.publish = f } }

// Logger sets where an endpoint reports what it does, and why requests fail. The default
// is nowhere, but for panics.
func Logger(l *slog.Logger) Option { return func(o *options) { o.log, o.logs = l, true } }

// Observe has f called after each request that a back end has served: who asked for what,
// how long that took, and why it failed, if it did. f runs on the goroutine that served the
// request, before its answer goes out, so it must be quick; it may be called by several
// at once. Without this option nothing is measured, and failures are logged only.
func Observe(f func(Served)) Option { return func(o *options) { o.observe = f } }

// DieOnPanic has a panic of the user's code end the process, as Go does without us. The
// default contains it: the request of a handler that panics fails, and its front end goes
// on, as do all others; the panic and its stack are logged, with slog.Default if there is
// no Logger, and counted.
func DieOnPanic() Option { return func(o *options) { o.die = true } }

// OnConnect has f called after each connect of a front end. Calls of OnConnect,
// OnDisconnect and OnChange never overlap, and the endpoint waits for each, so f must not
// block for long. It may call anything of the endpoint's, Close included.
func OnConnect(f func()) Option { return func(o *options) { o.onConnect = f } }

// OnDisconnect has f called after each disconnect of a front end, with the cause.
// Nothing of that connection is delivered afterwards.
func OnDisconnect(f func(cause error)) Option { return func(o *options) { o.onDisconnect = f } }

// OnChange has f called when the back end has published other keys while it stayed
// connected, as a disk does that has grown. See OnConnect about calls.
func OnChange(f func()) Option { return func(o *options) { o.onChange = f } }
