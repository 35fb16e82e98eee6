package store

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xenidc/idc/runtime/platform"
)

// TestServerTooLongMessageKillsConnection: there is no way to find the next one.
func TestServerTooLongMessageKillsConnection(t *testing.T) {
	w := newWorld(t)
	ours, theirs := net.Pipe()
	defer ours.Close()
	ended := later(func() error { return w.s.Serve(theirs, 5, false) })
	ours.Write(appendMessage(nil, TypeRead, 1, 0, strings.Repeat("x", MaxPayload+1))[:HeaderSize])
	if err := <-ended; !errors.Is(err, errTooLong) {
		t.Errorf("Serve returned %v", err)
	}
	if _, err := ours.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the connection is still open: %v", err)
	}
}

func TestServerEndOfConnection(t *testing.T) {
	w := newWorld(t)
	whole := appendMessage(nil, TypeRead, 1, 0, "/\x00")
	for n := range len(whole) {
		ours, theirs := net.Pipe()
		ended := later(func() error { return w.s.Serve(theirs, 5, false) })
		ours.Write(whole[:n])
		ours.Close()
		err := <-ended
		if n == 0 && err != nil || n > 0 && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if len(w.s.sessions) != 0 || len(w.s.domains) != 1 {
		t.Errorf("left: %d sessions, %d domains", len(w.s.sessions), len(w.s.domains))
	}
}

// TestServerClientThatDoesNotRead: it holds up itself alone, within its quota.
func TestServerClientThatDoesNotRead(t *testing.T) {
	w := newWorld(t)
	w.home()
	d := w.dial(5)
	sent := 0
	for ; sent < 1000; sent++ {
		d.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := d.Write(appendMessage(nil, TypeRead, 1, 0, "/local/domain/5\x00")); err != nil {
			break
		}
	}
	if q := DefaultQuota().Outstanding; sent < q || sent > 3*q {
		t.Errorf("%d requests were taken from a client that reads no reply", sent)
	}
	w.raw(5).want(TypeWrite, 0, "still/there|", "OK|")
}

// TestServerEventsOfSlowClient: a storm of events costs a bounded number.
func TestServerEventsOfSlowClient(t *testing.T) {
	w := newWorld(t)
	w.home()
	slow := w.raw(5)
	for i := range 100 {
		slow.want(TypeWatch, 0, fmt.Sprintf("/local/domain/5|%d|", i), "OK|")
	}
	slow.events()
	c := w.client(0)
	for i := range 2000 {
		if err := c.Write(t.Context(), NoTx, fmt.Sprintf("/local/domain/5/n%d", i), "x"); err != nil {
			t.Fatal(err)
		}
	}
	w.s.mu.Lock()
	for ses := range w.s.sessions {
		ses.out.mu.Lock()
		if n := len(ses.out.items); n > maxEvents+100 || n != len(ses.out.events) && ses.dom.id == 5 {
			t.Errorf("domain %d has %d items and %d events in its queue", ses.dom.id, n, len(ses.out.events))
		}
		ses.out.mu.Unlock()
	}
	w.s.mu.Unlock()
	// Every watch has been told something, and is told again.
	told := map[string]bool{}
	for _, e := range slow.events() {
		told[strings.Split(e, "|")[1]] = true
	}
	if len(told) != 100 {
		t.Errorf("%d of 100 watches were told", len(told))
	}
	if err := c.Write(t.Context(), NoTx, "/local/domain/5/again", "x"); err != nil {
		t.Fatal(err)
	}
	if n := len(slow.events()); n != 100 {
		t.Errorf("%d events after the storm", n)
	}
}

func TestServerUnwatchDropsEvents(t *testing.T) {
	w := newWorld(t)
	a, b := w.raw(0), w.raw(0)
	a.want(TypeWatch, 0, "/x|t|", "OK|")
	a.events()
	b.want(TypeWrite, 0, "/x/1|", "OK|")
	a.want(TypeUnwatch, 0, "/x|t|", "OK|")
	b.want(TypeWrite, 0, "/x/2|", "OK|")
	if e := a.events(); len(e) != 0 {
		t.Errorf("events after UNWATCH: %q", e)
	}
}

func TestServerLongTokenFits(t *testing.T) {
	w := newWorld(t)
	a := w.raw(0)
	token := strings.Repeat("t", MaxPayload-len("/x||"))
	a.want(TypeWatch, 0, "/x|"+token+"|", "OK|")
	a.events()
	e := a.want(TypeWrite, 0, "/x/too/long|", "OK|")
	e = append(e, a.events()...)
	if len(e) != 1 || e[0] != "/x|"+token+"|" {
		t.Errorf("%d events", len(e))
	}
}

func TestWatchDepth(t *testing.T) {
	w := newWorld(t)
	a, b := w.raw(0), w.raw(0)
	for depth := range 3 {
		a.want(TypeWatch, 0, fmt.Sprintf("/x|%d|%d|", depth, depth), "OK|")
	}
	a.want(TypeWatch, 0, "/x|t|-1|", "!EINVAL")
	a.want(TypeWatch, 0, "@releaseDomain|r|1|", "OK|")
	a.want(TypeWatch, 0, "@releaseDomain/5|five|", "OK|")
	a.events()
	for _, tt := range []struct{ path, want string }{
		{"/x", "[/x|0| /x|1| /x|2|]"},
		{"/x/y", "[/x/y|1| /x/y|2|]"},
		{"/x/y/z", "[/x/y/z|2|]"},
		{"/x/y/z/a", "[]"},
	} {
		b.want(TypeWrite, 0, tt.path+"|", "OK|")
		if got := fmt.Sprint(a.events()); got != tt.want {
			t.Errorf("%s: events %s, want %s", tt.path, got, tt.want)
		}
	}
	w.s.Introduce(5)
	w.s.Introduce(6)
	w.s.Release(5)
	if got := fmt.Sprint(a.events()); got != "[@releaseDomain/5|r| @releaseDomain/5|five|]" {
		t.Errorf("release of 5: %s", got)
	}
	w.s.Release(6)
	if got := fmt.Sprint(a.events()); got != "[@releaseDomain/6|r|]" {
		t.Errorf("release of 6: %s", got)
	}
	w.s.Release(6)
	if got := fmt.Sprint(a.events()); got != "[]" {
		t.Errorf("second release of 6: %s", got)
	}
}

// TestRelease: a later domain of the same number has nothing of the earlier one.
func TestRelease(t *testing.T) {
	w := newWorld(t)
	w.s.Introduce(5)
	w.home()
	a := w.raw(0)
	a.want(TypeWrite, 0, "/shared|", "OK|")
	a.want(TypeSetPerms, 0, "/shared|n0|r5|b6|", "OK|")
	a.want(TypeSetPerms, 0, "@releaseDomain|n0|r5|", "OK|")
	a.want(TypeMkdir, 0, "/theirs/deep|", "OK|")
	a.want(TypeSetPerms, 0, "/theirs|n5|", "OK|")

	ours, theirs := net.Pipe()
	ended := later(func() error { return w.s.Serve(theirs, 5, false) })
	d := &raw{t: t, conn: ours}
	d.want(TypeWatch, 0, "/theirs|t|", "OK|")
	d.events()
	d.begin()
	w.s.Release(5)
	if err := <-ended; err != nil {
		t.Errorf("Serve returned %v", err)
	}
	if b, err := io.ReadAll(ours); len(b) != 0 {
		t.Errorf("after the release came %q, %v", b, err)
	}
	a.want(TypeGetPerms, 0, "/shared|", "n0|b6|")
	a.want(TypeGetPerms, 0, "@releaseDomain|", "n0|")
	a.want(TypeRead, 0, "/theirs/deep|", "!ENOENT")
	a.want(TypeRead, 0, "/local/domain/5|", "!ENOENT")
	w.raw(5).want(TypeRead, 0, "/shared|", "!EACCES")
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if n := w.s.tree.owned(5); n != (usage{}) {
		t.Errorf("domain 5 still owns %d nodes", n)
	}
	if d := w.s.domains[5]; d.watches != 0 || d.transactions != 0 {
		t.Errorf("domain 5 still has %d watches, %d transactions", d.watches, d.transactions)
	}
}

// TestPermissionsInTransaction: a transaction opens no way round.
func TestPermissionsInTransaction(t *testing.T) {
	w := newWorld(t)
	w.home()
	a, d := w.raw(0), w.raw(5)
	a.want(TypeWrite, 0, "/secret/key|", "OK|")
	tx := d.begin()
	d.want(TypeRead, tx, "/secret/key|", "!EACCES")
	d.want(TypeDirectory, tx, "/secret|", "!EACCES")
	d.want(TypeRm, tx, "/secret|", "!EACCES")
	d.want(TypeRm, tx, "/secret/nope|", "!EACCES")
	d.want(TypeSetPerms, tx, "/secret|n5|", "!EACCES")
	d.want(TypeWrite, tx, "/secret/new|", "!EACCES")
	d.want(TypeWrite, tx, "x/y|", "OK|")
	d.want(TypeSetPerms, tx, "x|n0|", "!EPERM")
	d.want(TypeTransactionEnd, tx, "T|", "OK|")

	// What was allowed when it was done, but isn't any more, conflicts.
	a.want(TypeSetPerms, 0, "/secret/key|n0|b5|", "OK|")
	tx = d.begin()
	d.want(TypeWrite, tx, "/secret/key|mine|", "OK|")
	a.want(TypeSetPerms, 0, "/secret/key|n0|", "OK|")
	d.want(TypeTransactionEnd, tx, "T|", "!EAGAIN")

	// Another connection's transaction is no one else's.
	tx = a.begin()
	other := w.raw(0)
	other.want(TypeRead, tx, "/secret|", "!ENOENT")
}

// TestOwnerCounts compares the counts of nodes that each domain owns with the tree,
// after a random life.
func TestOwnerCounts(t *testing.T) {
	w := newWorld(t, Options{Quota: Quota{Nodes: 40}})
	w.home()
	rng := rand.New(rand.NewPCG(1, 2))
	conns := []*raw{w.raw(0), w.raw(5), w.raw(5)}
	txs := make([]uint32, len(conns))
	path := func() string {
		p := "/local/domain/5"
		for range rng.IntN(4) {
			p += fmt.Sprintf("/%d", rng.IntN(3))
		}
		return p
	}
	for range 20000 {
		i := rng.IntN(len(conns))
		c, tx := conns[i], txs[i]
		switch rng.IntN(9) {
		case 0, 1, 2:
			c.ask(TypeWrite, tx, path()+"|v")
		case 3:
			c.ask(TypeMkdir, tx, path()+"|")
		case 4:
			if p := path(); p != "/local/domain/5" {
				c.ask(TypeRm, tx, p+"|")
			}
		case 5:
			c.ask(TypeSetPerms, tx, path()+fmt.Sprintf("/0|n%d|", rng.IntN(3)*5))
		case 6:
			if tx == 0 {
				txs[i] = c.begin()
			}
		default:
			if tx != 0 {
				c.ask(TypeTransactionEnd, tx, [2]string{"T|", "F|"}[rng.IntN(4)/3])
				txs[i] = 0
			}
		}
	}
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	checkTree(t, w.s.tree)
}

// checkTree finds what can't be in a tree.
func checkTree(t *testing.T, tr *tree) {
	t.Helper()
	owners := map[platform.DomID]usage{}
	seen := 0
	var walk func(*node)
	walk = func(n *node) {
		seen++
		owners[n.owner()] = owners[n.owner()].plus(n.cost(n.path))
		if tr.nodes[n.path] != n {
			t.Errorf("%s isn't what the index says", n.path)
		}
		bytes := 0
		var prev *node
		for c := n.first; c != nil; prev, c = c, c.next {
			if c.parent != n || c.prev != prev || childPath(n.path, c.name) != c.path {
				t.Errorf("%s hangs badly on %s", c.path, n.path)
			}
			bytes += len(c.name) + 1
			walk(c)
		}
		if n.last != prev || n.nameBytes != bytes {
			t.Errorf("%s: %d bytes of names, want %d; last %v", n.path, n.nameBytes, bytes, n.last)
		}
	}
	walk(tr.nodes["/"])
	if seen != len(tr.nodes) {
		t.Errorf("%d nodes hang on the root, %d are in the index", seen, len(tr.nodes))
	}
	if fmt.Sprint(owners) != fmt.Sprint(tr.ledger.domains) {
		t.Errorf("owners %v, counted %v", tr.ledger.domains, owners)
	}
}

// TestStress has domains come, work, watch and go all at once.
func TestStress(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	for dom := platform.DomID(1); dom <= 8; dom++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			w.life(dom)
		}()
	}
	wg.Wait()
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	checkTree(t, w.s.tree)
}

func (w *world) life(dom platform.DomID) {
	t, ctx := w.t, w.t.Context()
	local := w.s.Local()
	defer local.Close()
	home := DomainPath(dom)
	for round := range 10 {
		w.s.Introduce(dom)
		if err := local.Mkdir(ctx, NoTx, home); err != nil {
			t.Error(err)
		}
		if err := local.SetPerms(ctx, NoTx, home, Perm{dom, PermRead}); err != nil {
			t.Error(err)
		}
		ours, theirs := net.Pipe()
		served := later(func() error { return w.s.Serve(theirs, dom, false) })
		c := NewClient(ours)
		watch, err := c.Watch(ctx, "/local/domain")
		if err != nil {
			t.Error(err)
		}
		for i := range 30 {
			err := c.Transaction(ctx, func(tx Tx) error {
				if err := c.Write(ctx, tx, "a/b", fmt.Sprint(i)); err != nil {
					return err
				}
				return c.Write(ctx, tx, fmt.Sprintf("n/%d", i%5), "x")
			})
			if err != nil {
				t.Errorf("domain %d, round %d: %v", dom, round, err)
			}
			if _, err := watch.Next(ctx); err != nil {
				t.Error(err)
			}
		}
		if round%2 == 0 {
			c.Close()
		}
		w.s.Release(dom)
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		c.Close()
		if ok, _ := local.Exists(ctx, NoTx, home); ok {
			t.Errorf("%s outlived its owner", home)
		}
	}
}

// TestDoomedTransaction: one that others have overtaken can't be committed, and until
// it ends it harms nobody.
func TestDoomedTransaction(t *testing.T) {
	w := newWorld(t)
	w.home()
	d, other := w.raw(5), w.raw(5)

	tx := d.begin()
	d.want(TypeDirectory, tx, "/local/domain/5|", "")
	other.want(TypeWrite, 0, "x/deep/er|", "OK|")
	d.want(TypeRm, tx, "x|", "OK|") // a child that it has not seen come
	d.want(TypeDirectory, tx, "/local/domain/5|", "")
	d.want(TypeDirectoryPart, tx, "/local/domain/5|0|", fmt.Sprintf("%s||", w.generation(d, tx)))
	d.want(TypeTransactionEnd, tx, "T|", "!EAGAIN")

	tx = d.begin()
	d.want(TypeWrite, tx, "y|", "OK|")
	other.want(TypeWrite, 0, "y|", "OK|")
	d.want(TypeDirectory, tx, "/local/domain/5|", "x|y|")
	d.want(TypeTransactionEnd, tx, "T|", "!EAGAIN")

	d.want(TypeMkdir, 0, "z|", "OK|")
	tx = d.begin()
	d.want(TypeRead, tx, "z/1|", "!ENOENT")
	other.want(TypeWrite, 0, "z/1|", "OK|")
	d.want(TypeRm, tx, "z|", "!ENOENT")
	d.want(TypeTransactionEnd, tx, "T|", "!EAGAIN")

	tx = d.begin()
	d.want(TypeDirectory, tx, "z|", "1|")
	other.want(TypeRm, 0, "z|", "OK|")
	d.want(TypeDirectory, tx, "z|", "")
	d.want(TypeWrite, tx, "z/1/2/3|", "OK|")
	d.want(TypeTransactionEnd, tx, "T|", "!EAGAIN")
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	checkTree(t, w.s.tree)
}

// generation is that of domain 5's subtree as a transaction sees it.
func (w *world) generation(r *raw, tx uint32) string {
	w.t.Helper()
	got, _ := r.ask(TypeDirectoryPart, tx, "/local/domain/5|0|")
	gen, _, _ := strings.Cut(got, "|")
	return gen
}
