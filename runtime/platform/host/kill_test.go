//go:build linux

package host_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host"
	"github.com/xenidc/idc/runtime/platform/host/broker"
	"github.com/xenidc/idc/runtime/store"
)

// noticeTime is how soon the death of a process must be known. It takes well under a
// millisecond; the machine may be busy.
const noticeTime = 5 * time.Second

// TestKill kills a process at random moments while it works with us, again and
// again: we are told, its memory stays readable, and nothing of it is left.
func TestKill(t *testing.T) {
	testenv.Leaks(t)
	b := startBroker(t, broker.Options{})
	d := join(t, b)
	defer d.Close()
	conn, err := d.DialToolstack(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := store.NewClient(conn)
	defer c.Close()
	for range 12 {
		killRound(t, b, d, c)
	}
}

func killRound(t *testing.T, b *broker.Broker, d *host.Domain, c *store.Client) {
	p := start(t, b.Path(), "worker", d.ID())
	g, err := d.Grant(p.id, 4, platform.ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Free()
	r := g.Refs()
	fmt.Fprintln(p.in, r[0], r[1], r[2], r[3])
	var port platform.Port
	var ref platform.GrantRef
	p.read(t, &port, &ref)
	m, err := d.Map(p.id, []platform.GrantRef{ref}, platform.ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Unmap()
	ch, err := d.Bind(p.id, port)
	if err != nil {
		t.Fatal(err)
	}
	defer ch.Close()
	if cred, ok := d.PeerCred(p.id); !ok || cred.PID != p.cmd.Process.Pid {
		t.Errorf("PeerCred = %v, %v; the process is %d", cred, ok, p.cmd.Process.Pid)
	}
	if uid, gid, err := d.UserOf(p.id); err != nil || int(uid) != os.Getuid() || int(gid) != os.Getgid() {
		t.Errorf("UserOf = %d, %d, %v", uid, gid, err)
	}
	dead := make(chan time.Time, 1)
	go func() {
		time.Sleep(time.Duration(rand.IntN(int(20 * time.Millisecond))))
		_ = p.cmd.Process.Kill()
		dead <- time.Now()
	}()
	for err = ch.Wait(); err == nil; err = ch.Wait() {
		ch.Notify()
		m.Memory().Store32(0, m.Memory().Load32(4))
	}
	told := time.Since(<-dead)
	if !errors.Is(err, platform.ErrPeerGone) || told > noticeTime {
		t.Errorf("Wait returned %v, %v after the kill", err, told)
	}
	wantForgotten(t, b, c, p.id)
	m.Memory().Store32(0, 1)
	if _, err := d.Grant(p.id, 1, platform.ReadOnly); !errors.Is(err, platform.ErrPeerGone) {
		t.Errorf("Grant to the dead process: %v", err)
	}
}

// wantForgotten fails unless the broker soon has nothing of the domain.
func wantForgotten(t *testing.T, b *broker.Broker, c *store.Client, id platform.DomID) {
	t.Helper()
	began := time.Now()
	for {
		_, err := c.List(t.Context(), store.NoTx, store.DomainPath(id))
		if errors.Is(err, fs.ErrNotExist) && b.Domains() == 1 {
			return
		}
		if time.Since(began) > noticeTime {
			t.Fatalf("%v after its death the store answers %v and there are %d domains", noticeTime, err, b.Domains())
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// TestSecondProcess holds two processes to what domains in one process do.
func TestSecondProcess(t *testing.T) {
	testenv.Leaks(t)
	b := startBroker(t, broker.Options{})
	d := join(t, b)
	defer d.Close()
	p := start(t, b.Path(), "echo", d.ID())
	var port platform.Port
	p.read(t, &port)
	ch, err := d.Bind(p.id, port)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		ch.Notify()
		if err := ch.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	p.in.Close()
	p.kill()
	for err == nil {
		err = ch.Wait()
	}
	if !errors.Is(err, platform.ErrPeerGone) {
		t.Errorf("after the process: %v", err)
	}
}

// TestManyChannels: goroutines that wait for channels of one peer don't miss each
// other's events.
func TestManyChannels(t *testing.T) {
	testenv.Leaks(t)
	b := startBroker(t, broker.Options{})
	d := join(t, b)
	defer d.Close()
	p := start(t, b.Path(), "echoes", d.ID())
	var all sync.WaitGroup
	for range manyChannels {
		var port platform.Port
		p.read(t, &port)
		ch, err := d.Bind(p.id, port)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			for range 2000 {
				ch.Notify()
				if err := ch.Wait(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// TestGrantsOutliveThePeer: what was granted to a peer that ended is ours until it is
// freed, or our own end.
func TestGrantsOutliveThePeer(t *testing.T) {
	testenv.Leaks(t)
	b := startBroker(t, broker.Options{})
	d, peer := join(t, b), join(t, b)
	var grants []platform.Grant
	for _, access := range []platform.Access{platform.ReadWrite, platform.ReadOnly} {
		g, err := d.Grant(peer.ID(), 2, access)
		if err != nil {
			t.Fatal(err)
		}
		m, err := peer.Map(d.ID(), g.Refs(), platform.ReadOnly)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Unmap()
		grants = append(grants, g)
	}
	peer.Close()
	for _, g := range grants {
		g.Memory().Store32(0, 1)
	}
	grants[0].Free()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	grants[1].Free()
}

// TestBrokerGone: domains that met go on without the broker; nothing else works, and
// says why.
func TestBrokerGone(t *testing.T) {
	testenv.Leaks(t)
	b := startBroker(t, broker.Options{})
	x, y := join(t, b), join(t, b)
	defer x.Close()
	defer y.Close()
	l, err := x.Listen(y.ID())
	if err != nil {
		t.Fatal(err)
	}
	c, err := y.Bind(x.ID(), l.Port())
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	g, err := x.Grant(y.ID(), 2, platform.ReadWrite)
	if err != nil {
		t.Fatalf("grant to a peer that is linked: %v", err)
	}
	defer g.Free()
	m, err := y.Map(x.ID(), g.Refs(), platform.ReadWrite)
	if err != nil {
		t.Fatalf("map from a peer that is linked: %v", err)
	}
	defer m.Unmap()
	g.Memory().Store32(0, 7)
	if m.Memory().Load32(0) != 7 {
		t.Error("the memory isn't shared")
	}
	for range 10 {
		c.Notify()
		if err := l.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := x.DialStore(t.Context()); !errors.Is(err, host.ErrBrokerGone) {
		t.Errorf("DialStore: %v", err)
	}
	if _, err := x.Listen(platform.FirstReserved - 1); !errors.Is(err, host.ErrBrokerGone) {
		t.Errorf("Listen for a stranger: %v", err)
	}
}
