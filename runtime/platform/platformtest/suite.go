// Package platformtest is the contract of runtime/platform as a suite of tests: one
// for each sentence of its documentation. Every platform runs it:
//
//	func TestContract(t *testing.T) {
//		platformtest.Run(t, func(t testing.TB) *platformtest.World { ... })
//	}
//
// Each test gets a world of its own and checks, when it ends, that the world holds
// nothing any more and that the process has no goroutine, descriptor or mapping
// more than before.
package platformtest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// patience is how long anything may take that must happen.
const patience = 20 * time.Second

// moment is how long the suite looks on while nothing must happen.
const moment = 30 * time.Millisecond

// World is where a test's domains live. The function that opens it registers what
// closes it with t.Cleanup; the suite closes the domains that it asked for.
type World struct {
	// NewDomain starts a domain and returns what a program in it would have. Several
	// may live in this process.
	NewDomain func(t testing.TB) platform.Domain
	// Kill ends a domain without a goodbye, as kill -9 ends a process. It must be
	// possible to call Close on the domain afterwards.
	Kill func(t testing.TB, d platform.Domain)
	// Held, if set, describes each grant, mapping, channel and connection that living
	// domains still hold.
	Held func() []string
	// Can is what this platform is able to do where the contract leaves a choice.
	Can Abilities
}

// Abilities are the choices that the contract leaves to a platform.
type Abilities struct {
	// Revoke: memory is taken back though the peer has it mapped.
	Revoke bool
	// Reclaim: memory is taken back as it is though the peer has it mapped.
	Reclaim bool
	// ReclaimLate: what is written during Reclaim may be read back only after it.
	ReclaimLate bool
	// Scatter: Map puts pages side by side that come from different grants.
	Scatter bool
	// Protect: writing through a read-only mapping faults.
	Protect bool
	// Copy: domains are Copiers.
	Copy bool
	// SameID: all domains of the world have one number, as parts of one Xen domain have.
	// What is for one is for all of them, and none sees another's end: its number
	// lives on, only its grants and ports are gone. The suite then expects just that.
	SameID bool
}

// gone is the error for what belonged to a domain that ended: its number tells, or,
// if that lives on, the thing itself is missing.
func (w *world) gone(missing error) error {
	if w.Can.SameID {
		return missing
	}
	return platform.ErrPeerGone
}

// test is one test of the suite.
type test struct {
	name string
	run  func(t *testing.T, w *world)
}

// Run runs the suite, each test in a world that open makes for it. The tests aren't
// parallel.
func Run(t *testing.T, open func(t testing.TB) *World) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"Domain", domainTests},
		{"Grant", grantTests},
		{"Map", mapTests},
		{"MapEach", mapEachTests},
		{"Copy", copyTests},
		{"Revoke", revokeTests},
		{"Reclaim", reclaimTests},
		{"Channel", channelTests},
		{"Traffic", trafficTests},
		{"End", endTests},
		{"Store", storeTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.tests {
				t.Run(c.name, func(t *testing.T) { runOne(t, open, c) })
			}
		})
	}
}

func runOne(t *testing.T, open func(t testing.TB) *World, c test) {
	testenv.Leaks(t)
	w := &world{World: open(t)}
	// The domains end when the test and its own cleanups have, and before the world.
	t.Cleanup(func() { w.end(t) })
	w.a, w.b, w.c = w.start(t), w.start(t), w.start(t)
	c.run(t, w)
}

// world is a World with three domains in it.
type world struct {
	*World
	a, b, c platform.Domain
	started []platform.Domain
}

// start starts a domain that end will close.
func (w *world) start(t *testing.T) platform.Domain {
	t.Helper()
	d := w.NewDomain(t)
	w.started = append(w.started, d)
	return d
}

// end checks that the test released everything, and closes the domains.
func (w *world) end(t *testing.T) {
	if w.Held != nil && !t.Failed() {
		if held := w.Held(); len(held) > 0 {
			t.Errorf("still held:\n%s", strings.Join(held, "\n"))
		}
	}
	for _, d := range w.started {
		if err := d.Close(); err != nil && !errors.Is(err, platform.ErrClosed) {
			t.Errorf("close domain %d: %v", d.ID(), err)
		}
	}
}

// grant grants pages from one domain to another until the test ends.
func grant(t *testing.T, from, to platform.Domain, pages int, access platform.Access) platform.Grant {
	t.Helper()
	g, err := from.Grant(to.ID(), pages, access)
	if err != nil {
		t.Fatalf("Grant: %v", err)
	}
	t.Cleanup(g.Free)
	return g
}

// mapAll maps references for the rest of the test.
func mapAll(t *testing.T, d, owner platform.Domain, refs []platform.GrantRef, access platform.Access) platform.Mapping {
	t.Helper()
	m, err := d.Map(owner.ID(), refs, access)
	if err != nil {
		t.Fatalf("Map: %v", err)
	}
	t.Cleanup(m.Unmap)
	return m
}

// mapEach maps references one by one for the rest of the test.
func mapEach(t *testing.T, d, owner platform.Domain, refs []platform.GrantRef, access platform.Access) []shm.Memory {
	t.Helper()
	pages := make([]shm.Memory, len(refs))
	if err := d.MapEach(owner.ID(), refs, access, pages); err != nil {
		t.Fatalf("MapEach: %v", err)
	}
	t.Cleanup(func() { d.UnmapEach(owner.ID(), refs, access, pages) })
	return pages
}

// wantErr fails unless err is one of the given.
func wantErr(t *testing.T, what string, err error, any ...error) {
	t.Helper()
	for _, e := range any {
		if errors.Is(err, e) {
			return
		}
	}
	t.Errorf("%s: error %v, want %v", what, err, any)
}

// pattern fills m with bytes that depend on place and seed.
func pattern(m shm.Memory, seed byte) {
	b := make([]byte, m.Len())
	for i := range b {
		b[i] = patternAt(i, seed)
	}
	m.CopyIn(0, b)
}

func patternAt(i int, seed byte) byte { return byte(i) ^ byte(i>>8)*7 ^ seed }

// wantPattern fails unless m holds what pattern wrote at an offset of its memory.
func wantPattern(t *testing.T, what string, m shm.Memory, at int, seed byte) {
	t.Helper()
	b := make([]byte, m.Len())
	m.CopyOut(b, 0)
	for i, got := range b {
		if want := patternAt(at+i, seed); got != want {
			t.Errorf("%s: byte %d is %#x, want %#x", what, i, got, want)
			return
		}
	}
}

// wantZero fails unless m is all zeros.
func wantZero(t *testing.T, what string, m shm.Memory) {
	t.Helper()
	b := make([]byte, m.Len())
	m.CopyOut(b, 0)
	for i, got := range b {
		if got != 0 {
			t.Errorf("%s: byte %d is %#x, want 0", what, i, got)
			return
		}
	}
}

// within fails the test unless f returns in time.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%s: nothing happened for %v", what, patience)
	}
}
