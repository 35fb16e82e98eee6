//go:build linux && xenlab

package xen_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/xen"
	"github.com/xenidc/idc/runtime/shm"
	"github.com/xenidc/idc/runtime/store"
)

var (
	serveFlag = flag.Bool("serve", false, "be the other domain of TestDomains: in a domU, again and again")
	joinFlag  = flag.String("join", "", "only join, with this store, and say why that fails")
	peerFlag  = flag.Int("peer", 0, "the number of the domain in which -serve runs")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *serveFlag {
		fmt.Fprintln(os.Stderr, "serve:", serve())
		os.Exit(1)
	}
	if *joinFlag != "" {
		_, err := xen.Join(context.Background(), xen.WithStore(*joinFlag))
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// What the domains tell each other lies below the domU's own part of the store, which
// it may write and dom0 may, too.
const (
	keyServing = "data/idc/serving" // the process's number, written last
	keyPort    = "data/idc/port"
	keyRefs    = "data/idc/refs"  // two pages to write, one to read
	keyYours   = "data/idc/yours" // dom0's pages, for the domU
)

// Words of the first page: an order from dom0 and what came of it.
const (
	orderAt  = 0
	resultAt = 4
)

// Orders. An order is carried out when its event comes, and then the word is 0 again.
const (
	orderEcho          = 1 + iota // raise the result by one
	orderMap                      // map dom0's pages, add a mark, and keep them mapped
	orderUnmap                    // unmap them
	orderCopy                     // copy the first of dom0's pages to the second
	orderDie                      // end without a goodbye
	orderStranger                 // map a page that wasn't granted: the result is 1 if that was refused
	orderAnnounceGrant            // have the kernel tell when our pages are freed
	orderAnnounceMap              // have it tell when dom0's pages are unmapped
)

// serve is the domU's part: it does as it is told until it dies.
func serve() error {
	ctx := context.Background()
	d, err := xen.Join(ctx)
	if err != nil {
		return err
	}
	conn, err := d.DialStore(ctx)
	if err != nil {
		return err
	}
	c := store.NewClient(conn)
	ours, err := d.Grant(0, 2, platform.ReadWrite)
	if err != nil {
		return err
	}
	read, err := d.Grant(0, 1, platform.ReadOnly)
	if err != nil {
		return err
	}
	fill(read.Memory(), 3)
	ch, err := d.Listen(0)
	if err != nil {
		return err
	}
	for _, kv := range [][2]string{
		{keyPort, fmt.Sprint(ch.Port())},
		{keyRefs, fmt.Sprint(ours.Refs()[0], ours.Refs()[1], read.Refs()[0])},
		{keyServing, fmt.Sprint(os.Getpid())},
	} {
		if err := c.Write(ctx, store.NoTx, kv[0], kv[1]); err != nil {
			return err
		}
	}
	s := &server{d: d, c: c, ours: ours, ch: ch, m: ours.Memory()}
	for {
		if err := ch.Wait(); err != nil {
			return err
		}
		if order := s.m.Load32(orderAt); order != 0 {
			if err := s.obey(ctx, order); err != nil {
				return fmt.Errorf("order %d: %w", order, err)
			}
			s.m.Store32(orderAt, 0)
			ch.Notify()
		}
	}
}

// server is what serve holds.
type server struct {
	d      *xen.Domain
	c      *store.Client
	ours   platform.Grant
	ch     platform.Channel
	m      shm.Memory
	theirs platform.Mapping
}

func (s *server) obey(ctx context.Context, order uint32) error {
	switch order {
	case orderEcho:
		s.m.Store32(resultAt, s.m.Load32(resultAt)+1)
		return nil
	case orderUnmap:
		s.theirs.Unmap()
		return nil
	case orderDie:
		os.Exit(0)
	case orderAnnounceGrant:
		return s.ours.(platform.Announcer).Announce(s.ch)
	case orderAnnounceMap:
		return s.theirs.(platform.Announcer).Announce(s.ch)
	case orderStranger:
		_, err := s.d.Map(0, []platform.GrantRef{1 << 20}, platform.ReadOnly)
		if errors.Is(err, platform.ErrBadRef) {
			s.m.Store32(resultAt, 1)
		}
		return nil
	}
	text, err := s.c.Read(ctx, store.NoTx, keyYours)
	if err != nil {
		return err
	}
	refs, err := parseRefs(text)
	if err != nil {
		return err
	}
	if order == orderCopy {
		b := make([]byte, shm.PageSize)
		if err := s.d.CopyFrom(0, []platform.CopyPiece{{Ref: refs[0], Local: b}}); err != nil {
			return err
		}
		return s.d.CopyTo(0, []platform.CopyPiece{{Ref: refs[1], Local: b}})
	}
	if s.theirs, err = s.d.Map(0, refs, platform.ReadWrite); err != nil {
		return err
	}
	s.theirs.Memory().Store32(8, s.theirs.Memory().Load32(4)+1)
	return nil
}

func parseRefs(text string) (refs []platform.GrantRef, err error) {
	for _, f := range strings.Fields(text) {
		n, err := strconv.ParseUint(f, 10, 32)
		if err != nil {
			return nil, err
		}
		refs = append(refs, platform.GrantRef(n))
	}
	return refs, nil
}

func fill(m shm.Memory, seed byte) {
	for i := range m.Unstable() {
		m.Unstable()[i] = byte(i)*3 + seed
	}
}

// other is the domU, seen from dom0.
type other struct {
	t    *testing.T
	d    *xen.Domain
	c    *store.Client
	id   platform.DomID
	pid  string
	refs []platform.GrantRef
	ch   platform.Channel
	maps platform.Mapping
	m    shm.Memory
	dead bool
}

// meet waits for a process that serves and isn't the one before, and connects to it.
func meet(t *testing.T, before string) *other {
	t.Helper()
	if *peerFlag == 0 {
		t.Fatal("no other domain: run the test with -peer DOMID, and with -serve over there")
	}
	d, err := xen.Join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	conn, err := d.DialStore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o := &other{t: t, d: d, c: store.NewClient(conn), id: platform.DomID(*peerFlag)}
	t.Cleanup(func() { o.c.Close() })
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if o.pid, _ = o.c.Read(t.Context(), store.NoTx, o.path(keyServing)); o.pid != before && o.pid != "" {
			break
		}
		if time.Since(start) > 20*time.Second {
			t.Fatal("nobody serves")
		}
	}
	o.connect()
	return o
}

func (o *other) path(key string) string { return store.DomainPath(o.id) + "/" + key }

func (o *other) connect() {
	o.t.Helper()
	port, err := o.c.Read(o.t.Context(), store.NoTx, o.path(keyPort))
	if err != nil {
		o.t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		o.t.Fatal(err)
	}
	text, err := o.c.Read(o.t.Context(), store.NoTx, o.path(keyRefs))
	if err != nil {
		o.t.Fatal(err)
	}
	if o.refs, err = parseRefs(text); err != nil || len(o.refs) != 3 {
		o.t.Fatal(text, err)
	}
	if o.maps, err = o.d.Map(o.id, o.refs[:2], platform.ReadWrite); err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(o.maps.Unmap)
	o.m = o.maps.Memory()
	if o.ch, err = o.d.Bind(o.id, platform.Port(n)); err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { o.ch.Close() })
}

// order has the domU do something, and waits until it has.
func (o *other) order(n uint32) {
	o.t.Helper()
	o.m.Store32(orderAt, n)
	o.ch.Notify()
	alarm := time.AfterFunc(10*time.Second, o.ch.Wake)
	defer alarm.Stop()
	for start := time.Now(); o.m.Load32(orderAt) != 0; {
		if err := o.ch.Wait(); err != nil {
			o.t.Fatal(err)
		}
		if time.Since(start) > 10*time.Second {
			o.t.Fatalf("order %d isn't carried out", n)
		}
	}
}

// die ends the process, if that hasn't been done.
func (o *other) die() {
	o.t.Helper()
	if o.dead {
		return
	}
	o.dead = true
	if err := o.c.Remove(o.t.Context(), store.NoTx, o.path(keyServing)); err != nil {
		o.t.Error(err)
	}
	o.m.Store32(orderAt, orderDie)
	o.ch.Notify()
}

// lend grants pages to the domU and tells it.
func (o *other) lend(pages int) platform.Grant {
	o.t.Helper()
	g, err := o.d.Grant(o.id, pages, platform.ReadWrite)
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(g.Free)
	text := strings.Trim(fmt.Sprint(g.Refs()), "[]")
	if err := o.c.Write(o.t.Context(), store.NoTx, o.path(keyYours), text); err != nil {
		o.t.Fatal(err)
	}
	return g
}

// TestDomains talks with a process in another domain, then with its successor, and
// then the domain is destroyed.
func TestDomains(t *testing.T) {
	testenv.Leaks(t)
	pid := ""
	for _, f := range []struct {
		name string
		run  func(*testing.T, *other)
	}{
		{"Map", domainsMap},
		{"Copy", domainsCopy},
		{"Events", domainsEvents},
		{"Lend", domainsLend},
		{"Abandon", domainsAbandon},
		{"DieUnannounced", func(t *testing.T, o *other) { domainsDie(t, o, 0) }},
		{"DieAnnouncedByGrant", func(t *testing.T, o *other) { domainsDie(t, o, orderAnnounceGrant) }},
		{"DieAnnouncedByMap", func(t *testing.T, o *other) { domainsDie(t, o, orderAnnounceMap) }},
	} {
		t.Run(f.name, func(t *testing.T) {
			testenv.Leaks(t)
			o := meet(t, pid)
			f.run(t, o)
			// The process dies with everything connected; the next test meets another.
			pid = o.pid
			o.die()
		})
	}
	t.Run("Destroyed", func(t *testing.T) {
		testenv.Leaks(t)
		domainsDestroyed(t, meet(t, pid))
	})
}

func domainsMap(t *testing.T, o *other) {
	m, err := o.d.Map(o.id, o.refs[2:], platform.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Unmap()
	want := shm.Alloc(shm.PageSize)
	fill(want, 3)
	if !bytes.Equal(m.Memory().Unstable(), want.Unstable()) {
		t.Error("the page holds something else")
	}
	if _, err := o.d.Map(o.id, o.refs[2:], platform.ReadWrite); !errors.Is(err, platform.ErrBadRef) {
		t.Errorf("mapping a page to write that was granted to read: %v", err)
	}
	_, err = o.d.Map(o.id, []platform.GrantRef{o.refs[0], 1 << 20, o.refs[1]}, platform.ReadWrite)
	if !errors.Is(err, platform.ErrBadRef) || !strings.Contains(err.Error(), "number 2 of 3") {
		t.Errorf("mapping a bad page: %v", err)
	}
	if s := o.d.Stats(); s.Mapped != 3 {
		t.Errorf("%d pages are mapped, want 3: %+v", s.Mapped, s)
	}
	o.order(orderStranger)
	if o.m.Load32(resultAt) != 1 {
		t.Error("the domU mapped a page of ours that nobody granted")
	}
	if _, err := o.d.Map(o.id+1000, o.refs[:1], platform.ReadWrite); !errors.Is(err, platform.ErrNoDomain) {
		t.Errorf("mapping a page of a domain that never was: %v", err)
	}
}

func domainsCopy(t *testing.T, o *other) {
	b := bytes.Repeat([]byte{7}, 1000)
	to := []platform.CopyPiece{{Ref: o.refs[1], Offset: 100, Local: b}, {Ref: o.refs[2], Local: b}}
	if err := o.d.CopyTo(o.id, to); !errors.Is(err, platform.ErrBadRef) || to[0].Err != nil || !errors.Is(to[1].Err, platform.ErrBadRef) {
		t.Errorf("copying to a page and a read-only one: %v; %v, %v", err, to[0].Err, to[1].Err)
	}
	if !bytes.Equal(o.m.Page(1).Unstable()[100:1100], b) {
		t.Error("what was copied isn't there")
	}
	back := make([]byte, 1000)
	from := []platform.CopyPiece{{Ref: o.refs[1], Offset: 100, Local: back}}
	if err := o.d.CopyFrom(o.id, from); err != nil || !bytes.Equal(back, b) {
		t.Errorf("copying back: %v", err)
	}
	g := o.lend(2)
	fill(g.Memory().Page(0), 9)
	o.order(orderCopy)
	if !bytes.Equal(g.Memory().Page(1).Unstable(), g.Memory().Page(0).Unstable()) {
		t.Error("the domU's copy differs")
	}
	if !g.Revoke() {
		t.Error("pages that the domU only copied weren't given back")
	}
}

func domainsEvents(t *testing.T, o *other) {
	start := time.Now()
	const rounds = 200
	for range rounds {
		o.order(orderEcho)
	}
	if got := o.m.Load32(resultAt); got != rounds {
		t.Errorf("%d echoes of %d", got, rounds)
	}
	t.Logf("%v there and back, sleeping on both sides", time.Since(start)/rounds)
	if _, err := o.d.Bind(o.id, 1<<16); !errors.Is(err, platform.ErrBadPort) {
		t.Errorf("binding a port that isn't: %v", err)
	}
	if _, err := o.d.Bind(o.id+1000, 1); !errors.Is(err, platform.ErrNoDomain) {
		t.Errorf("binding a port of a domain that never was: %v", err)
	}
}

func domainsLend(t *testing.T, o *other) {
	g := o.lend(3)
	g.Memory().Store32(4, 41)
	o.order(orderMap)
	if got := g.Memory().Load32(8); got != 42 {
		t.Errorf("the domU wrote %d, want 42", got)
	}
	o.order(orderUnmap)
	if !g.Revoke() {
		t.Error("pages that the domU has unmapped weren't given back")
	}
	if n := o.d.Stats().Abandoned; n != 0 {
		t.Errorf("%d pages abandoned", n)
	}
}

// domainsAbandon: what the domU doesn't let go costs us its pages and nothing else.
func domainsAbandon(t *testing.T, o *other) {
	g := o.lend(3)
	o.order(orderMap)
	start := time.Now()
	if g.Revoke() {
		t.Error("pages were given back that the domU has mapped")
	}
	g.Free()
	if d := time.Since(start); d > time.Second {
		t.Errorf("abandoning took %v", d)
	}
	if s := o.d.Stats(); s.Abandoned != 3 || s.Granted != 0 {
		t.Errorf("%+v, want 3 pages abandoned", s)
	}
	h := o.lend(3)
	o.order(orderMap) // new pages reach it as if nothing had been
	if h.Memory().Load32(8) != 1 {
		t.Error("the next grant doesn't reach the domU")
	}
	o.order(orderUnmap)
}

// domainsDie: the death of a process rings if it was to be announced, and only then.
func domainsDie(t *testing.T, o *other, announce uint32) {
	o.lend(1)
	o.order(orderMap)
	if announce != 0 {
		o.order(announce)
	}
	for o.rings(100 * time.Millisecond) { // the answers to our orders
	}
	o.die()
	if rang := o.rings(3 * time.Second); rang != (announce != 0) {
		t.Errorf("the death rang: %v", rang)
	}
}

// rings reports whether an event comes within that time.
func (o *other) rings(within time.Duration) bool {
	o.t.Helper()
	var late atomic.Bool
	alarm := time.AfterFunc(within, func() { late.Store(true); o.ch.Wake() })
	defer alarm.Stop()
	if err := o.ch.Wait(); err != nil {
		o.t.Fatal(err)
	}
	return !late.Load()
}

// domainsDestroyed: the end of the domain ends every wait, and costs nothing else.
func domainsDestroyed(t *testing.T, o *other) {
	unbound, err := o.d.Listen(o.id)
	if err != nil {
		t.Fatal(err)
	}
	defer unbound.Close()
	g := o.lend(2)
	o.order(orderMap)
	ended := make(chan error, 2)
	for _, c := range []platform.Channel{o.ch, unbound} {
		go func() {
			for {
				if err := c.Wait(); err != nil {
					ended <- err
					return
				}
			}
		}()
	}
	if out, err := exec.Command("xl", "destroy", fmt.Sprint(o.id)).CombinedOutput(); err != nil {
		t.Fatalf("xl destroy: %v: %s", err, out)
	}
	start := time.Now()
	for range 2 {
		select {
		case err := <-ended:
			if !errors.Is(err, platform.ErrPeerGone) {
				t.Errorf("the wait ended with %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("a wait doesn't end")
		}
	}
	t.Logf("noticed after %v", time.Since(start))
	fill(o.m, 1) // what is mapped stays
	if _, err := o.d.Map(o.id, o.refs[:1], platform.ReadWrite); !errors.Is(err, platform.ErrPeerGone) {
		t.Errorf("Map: %v", err)
	}
	if _, err := o.d.Grant(o.id, 1, platform.ReadWrite); !errors.Is(err, platform.ErrPeerGone) {
		t.Errorf("Grant: %v", err)
	}
	if _, err := o.d.Bind(o.id, 1); !errors.Is(err, platform.ErrPeerGone) {
		t.Errorf("Bind: %v", err)
	}
	o.ch.Notify()
	g.Free() // the end of its mapper has released it, or it is abandoned: no matter
}
