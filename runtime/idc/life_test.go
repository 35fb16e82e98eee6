package idc_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
)

const patience = 10 * time.Second

func TestConnectAndClose(t *testing.T) {
	w := newWorld(t)
	front, back := w.domain(), w.domain()
	s := idc.NewService(back, "c", new(counter).spec())
	f := idc.NewFront(front, "c", frontSpec())
	w.try(s.Ready(within(t, patience)))
	w.try(f.Connected(within(t, patience)))
	for v := range uint64(100) {
		check(t, f, v)
	}
	w.try(f.Close())
	if _, err := add(context.Background(), f, 1, true); !errors.Is(err, idc.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	w.try(s.Close())
	for _, n := range append(w.tree("/local/domain"), w.tree("/idc")...) {
		if strings.Contains(n, "vcount/") {
			t.Errorf("left in the store: %s", n)
		}
	}
}

// Close comes while the front end looks about in the store: it leaves nothing all the
// same.
func TestCloseWhileLooking(t *testing.T) {
	w := newWorld(t)
	front, back := w.domain(), w.domain()
	s := idc.NewService(back, "c", new(counter).spec())
	defer s.Close()
	w.try(s.Ready(within(t, patience)))
	for range 100 {
		f := idc.NewFront(front, "c", frontSpec())
		w.try(f.Connected(within(t, patience)))
		w.try(f.Close())
		for _, n := range w.tree(fmt.Sprintf("/local/domain/%d", front.ID())) {
			if strings.Contains(n, "vcount/") {
				t.Fatalf("left in the store: %s", n)
			}
		}
	}
}

func TestFrontComesFirst(t *testing.T) {
	w := newWorld(t)
	front, back := w.domain(), w.domain()
	f := idc.NewFront(front, "c", frontSpec())
	defer f.Close()
	if err := f.Connected(within(t, 20*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no back end serves that name") {
		t.Fatalf("not connected: %v", err)
	}
	s := idc.NewService(back, "c", new(counter).spec())
	defer s.Close()
	check(t, f, 5)
}

func TestServiceRestarts(t *testing.T) {
	w := newWorld(t)
	front, back := w.domain(), w.domain()
	var ups, downs int
	f := idc.NewFront(front, "c", frontSpec(),
		idc.OnConnect(func() { ups++ }), idc.OnDisconnect(func(error) { downs++ }))
	for v := range uint64(5) {
		s := idc.NewService(back, "c", new(counter).spec())
		check(t, f, v)
		w.try(s.Close())
	}
	w.try(f.Close())
	if ups != 5 || downs != 5 {
		t.Errorf("%d connects, %d disconnects", ups, downs)
	}
}

// The back end's domain dies with requests taken and unanswered. Another domain
// takes the name: what may be replayed is answered, the rest fails once.
func TestBackDies(t *testing.T) {
	w := newWorld(t)
	front, back := w.domain(), w.domain()
	c := &counter{hold: make(chan struct{})}
	s := idc.NewService(back, "c", c.spec())
	f := idc.NewFront(front, "c", frontSpec())
	defer f.Close()
	w.try(f.Connected(within(t, patience)))
	var wg sync.WaitGroup
	for v := range uint64(10) {
		wg.Go(func() {
			if got, err := add(context.Background(), f, v, true); err != nil || got != v+1 {
				t.Errorf("replayed: %d, %v", got, err)
			}
		})
		wg.Go(func() {
			if _, err := add(context.Background(), f, v, false); !errors.Is(err, idc.ErrDisconnected) && !errors.Is(err, idc.ErrPeerGone) {
				t.Errorf("not to be replayed: %v", err)
			}
		})
	}
	for c.served.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(5 * time.Millisecond)
	w.kill(back)
	s.Close()
	heir := w.domain()
	s2 := idc.NewService(heir, "c", new(counter).spec())
	defer s2.Close()
	wg.Wait()
	check(t, f, 77)
}

func TestFrontDies(t *testing.T) {
	w := newWorld(t)
	back, other := w.domain(), w.domain()
	s := idc.NewService(back, "c", new(counter).spec())
	defer s.Close()
	steady := idc.NewFront(other, "c", frontSpec())
	defer steady.Close()
	check(t, steady, 1)
	for v := range uint64(3) {
		front := w.domain()
		f := idc.NewFront(front, "c", frontSpec())
		check(t, f, v)
		w.kill(front)
		f.Close()
		check(t, steady, v)
	}
	var left []string
	for range 5000 {
		if left = w.tree(store.DomainPath(back.ID()) + "/backend/vcount"); !slices.ContainsFunc(left, func(n string) bool {
			return !strings.Contains(n, "/vcount/"+strconv.Itoa(int(other.ID())))
		}) {
			return // only the steady one's directory is left
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("left: %v", left)
}

func TestNameTaken(t *testing.T) {
	w := newWorld(t)
	a, b := w.domain(), w.domain()
	s := idc.NewService(a, "c", new(counter).spec())
	w.try(s.Ready(within(t, patience)))
	s2 := idc.NewService(b, "c", new(counter).spec())
	defer s2.Close()
	if err := s2.Ready(within(t, patience)); !errors.Is(err, idc.ErrTaken) {
		t.Fatalf("got %v", err)
	}
	w.try(s.Close())
	for s2.Ready(within(t, time.Millisecond)) != nil { // it tries again by itself
		time.Sleep(time.Millisecond)
	}
}

func TestQuotaOfFronts(t *testing.T) {
	w := newWorld(t)
	a, b, back := w.domain(), w.domain(), w.domain()
	s := idc.NewService(back, "c", new(counter).spec(), idc.Fronts(1))
	defer s.Close()
	f := idc.NewFront(a, "c", frontSpec())
	check(t, f, 1)
	f2 := idc.NewFront(b, "c", frontSpec())
	defer f2.Close()
	if err := f2.Connected(within(t, 50*time.Millisecond)); err == nil {
		t.Fatal("a second front end was served")
	}
	w.try(f.Close())
	check(t, f2, 2)
}

func TestQueuesAndLargeRings(t *testing.T) {
	w := newWorld(t)
	front, back := w.domain(), w.domain()
	s := idc.NewService(back, "c", new(counter).spec(), idc.Queues(3), idc.RingOrder(2), idc.Workers(2))
	defer s.Close()
	f := idc.NewFront(front, "c", frontSpec(), idc.Queues(2), idc.RingOrder(9), idc.SpeakABI("other-abi"))
	defer f.Close()
	var wg sync.WaitGroup
	for g := range uint64(50) {
		wg.Go(func() {
			for v := range uint64(20) {
				if got, err := add(context.Background(), f, g*v, true); err != nil || got != g*v+1 {
					t.Errorf("%d, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestBadNames(t *testing.T) {
	w := newWorld(t)
	d := w.domain()
	for _, name := range []string{"", "a/b", "a b", "..", strings.Repeat("x", 65)} {
		s := idc.NewService(d, name, new(counter).spec())
		if err := s.Ready(within(t, patience)); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q: %v", name, err)
		}
		s.Close()
		f := idc.NewFront(d, name, frontSpec())
		if err := f.Connected(within(t, time.Millisecond)); err == nil {
			t.Errorf("%q: connected", name)
		}
		f.Close()
	}
}

// A front end that writes nonsense costs itself its connection; others go on.
func TestHostileKeys(t *testing.T) {
	w := newWorld(t)
	back, bad, good := w.domain(), w.domain(), w.domain()
	s := idc.NewService(back, "c", new(counter).spec())
	defer s.Close()
	f := idc.NewFront(good, "c", frontSpec())
	defer f.Close()
	check(t, f, 1)
	for _, keys := range []map[string]string{
		{"ring-ref": "banana", "event-channel": "1"},
		{"ring-ref": "4294967295", "event-channel": "1"},
		{"ring-ref": "1", "event-channel": "99999999999999999999"},
		{"ring-page-order": "31", "ring-ref0": "1", "event-channel": "1"},
		{"ring-page-order": "4294967295", "ring-ref0": "1", "event-channel": "1"},
		{"multi-queue-num-queues": "0", "ring-ref": "1", "event-channel": "1"},
		{"multi-queue-num-queues": "4000000000", "ring-ref": "1", "event-channel": "1"},
		{"protocol": "vax-abi", "ring-ref": "1", "event-channel": "1"},
		{},
	} {
		misbehave(t, w, bad, back, keys)
		check(t, f, 2)
	}
}

// misbehave plays a front end that publishes keys as they are.
func misbehave(t *testing.T, w *world, bad, back platform.Domain, keys map[string]string) {
	t.Helper()
	ctx := within(t, patience)
	conn, err := bad.DialStore(ctx)
	w.try(err)
	c := store.NewClient(conn)
	defer c.Close()
	dir, ask := store.DomainPath(bad.ID())+"/device/vcount/7", "/idc/vcount@c/fronts/"
	id := strings.TrimPrefix(store.DomainPath(bad.ID()), "/local/domain/")
	w.try(c.Write(ctx, 0, dir+"/state", "1"))
	for _, n := range []string{dir, dir + "/state"} {
		w.try(c.SetPerms(ctx, 0, n, store.Perm{Dom: bad.ID()}, store.Perm{Dom: back.ID(), Rights: store.PermRead}))
	}
	w.try(c.Write(ctx, 0, ask+id+"-7", dir))
	state := store.DomainPath(back.ID()) + "/backend/vcount/" + id + "/7/state"
	await(t, c, state, store.StateInitWait)
	for k, v := range keys {
		w.try(c.Write(ctx, 0, dir+"/"+k, v))
	}
	w.try(c.Write(ctx, 0, dir+"/state", store.StateInitialised.Value()))
	await(t, c, state, store.StateClosing)
	w.try(c.Remove(ctx, 0, ask+id+"-7"))
	w.try(c.Remove(ctx, 0, dir))
	await(t, c, state, store.StateUnknown)
}

func await(t *testing.T, c *store.Client, node string, want store.State) {
	t.Helper()
	got := ""
	for range 5000 {
		got, _ = c.Read(context.Background(), 0, node)
		if store.ParseState(got) == want {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%s is %q, want %v", node, got, want)
}
