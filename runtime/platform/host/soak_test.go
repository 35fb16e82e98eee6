//go:build linux && soak

package host_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host"
	"github.com/xenidc/idc/runtime/platform/host/broker"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
	"github.com/xenidc/idc/runtime/store"
)

// soakTime is how long each attack lasts, and as long each comparison.
const soakTime = 4 * time.Second

func init() {
	for name, part := range soakers {
		parts["soak "+name] = part
	}
}

// soakers are what a process of another user does until it is killed. burn does nothing
// to us but use the processors, and is what the others are compared with.
var soakers = map[string]func(*child) error{
	"burn": func(c *child) error {
		return manyTimes(c, 2, func() error { return nil })
	},
	"domains that come, link and go": func(c *child) error {
		return manyTimes(c, 16, func() error {
			l, err := newLiar(c.path)
			if err != nil {
				return nil // too many, for now
			}
			_, _ = l.link(c.parent)
			l.close()
			return nil
		})
	},
	"64 connections to the store": func(c *child) error {
		var conns atomic.Int64
		return manyTimes(c, 64, func() error {
			if conns.Add(1)%32 == 1 {
				d, err := host.Join(context.Background(), c.path)
				if err != nil {
					return err
				}
				c.d = d
			}
			return useStore(context.Background(), c.d, func() bool { return true })
		})
	},
	"noise at both sockets": func(c *child) error {
		return manyTimes(c, 8, func() error {
			p, err := dialControl(c.path)
			if err != nil {
				return nil
			}
			defer p.Close()
			if rand.IntN(2) == 0 {
				_ = p.Send(proto.Msg{Op: proto.Join, A: proto.Version, C: 100}.Append(nil))
			}
			for range 20 {
				m := proto.Msg{Op: proto.Op(rand.IntN(14)), ID: rand.Uint32(), A: rand.Uint32() % 8, B: rand.Uint32()}
				_ = p.Send(m.Append(nil))
			}
			return nil
		})
	},
	"links that are never noted": func(c *child) error {
		return manyTimes(c, 4, func() error {
			l, err := newLiar(c.path)
			if err != nil {
				return nil
			}
			defer l.close()
			for i := range uint32(40) {
				_ = l.send(proto.Msg{Op: proto.Link, ID: i, A: uint32(c.parent) + i%3})
			}
			time.Sleep(100 * time.Millisecond)
			return nil
		})
	},
	"descriptors": func(c *child) error {
		return manyTimes(c, 4, func() error {
			p, err := dialControl(c.path)
			if err != nil {
				return nil
			}
			defer p.Close()
			_ = p.Send(proto.Msg{Op: proto.Join, A: proto.Version}.Append(nil), make([]int, 100)...)
			return nil
		})
	},
}

// manyTimes does something in several goroutines until the process is killed.
func manyTimes(c *child, goroutines int, f func() error) error {
	fmt.Println("ready")
	failed := make(chan error, goroutines)
	for range goroutines {
		go func() {
			for {
				if err := f(); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	go func() { _, err := io.Copy(io.Discard, c.in); failed <- err }()
	return <-failed
}

// useStore writes and reads a node of a domain's own while it may, and counts.
func useStore(ctx context.Context, d *host.Domain, may func() bool) error {
	conn, err := d.DialStore(ctx)
	if err != nil {
		return err
	}
	c := store.NewClient(conn)
	defer c.Close()
	for may() {
		if err := c.Write(ctx, store.NoTx, "data/x", "v"); err != nil {
			return err
		}
		if _, err := c.Read(ctx, store.NoTx, "data/x"); err != nil {
			return err
		}
	}
	return nil
}

// held is what a process has: descriptors, threads, mappings.
func held(t *testing.T, pid int) (n [3]int) {
	t.Helper()
	proc := fmt.Sprintf("/proc/%d/", pid)
	for i, what := range []string{"fd", "task"} {
		entries, err := os.ReadDir(proc + what)
		if err != nil {
			t.Fatal(err)
		}
		n[i] = len(entries)
	}
	maps, err := os.ReadFile(proc + "maps")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range maps {
		if b == '\n' {
			n[2]++
		}
	}
	return n
}

// rates is what an honest pair gets done in soakTime: round trips, and pairs of store
// requests.
func rates(t *testing.T, d *host.Domain, ch platform.Channel) (trips, pairs int) {
	t.Helper()
	end := time.Now().Add(soakTime)
	var both sync.WaitGroup
	both.Go(func() {
		for ; time.Now().Before(end); trips++ {
			ch.Notify()
			if err := ch.Wait(); err != nil {
				t.Error(err)
				return
			}
		}
	})
	both.Go(func() {
		err := useStore(t.Context(), d, func() bool { pairs++; return time.Now().Before(end) })
		if err != nil {
			t.Errorf("the store: %v", err)
		}
	})
	both.Wait()
	return trips, pairs
}

// TestSoak has an honest pair at work beside each attack: it gets half of what it gets
// beside a user who does nothing but compute, without an error, and nothing of its own or
// the broker's grows.
func TestSoak(t *testing.T) {
	b := openBroker(t, broker.Options{})
	path := b.Path() + "2" // the broker is a process, as in life
	p := start(t, path, "broker", 0)
	d, err := host.Join(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	echo := start(t, path, "echo", d.ID())
	var port platform.Port
	echo.read(t, &port)
	ch, err := d.Bind(echo.id, port)
	if err != nil {
		t.Fatal(err)
	}
	beside := func(t *testing.T, name string) (trips, pairs int) {
		t.Helper()
		cmd := exec.Command(b.exe, path)
		attacker := b.startCmd(t, cmd, "soak "+name, d.ID())
		var ready string
		attacker.read(t, &ready)
		trips, pairs = rates(t, d, ch)
		attacker.kill()
		return trips, pairs
	}
	beside(t, "burn") // everything is there that is made once
	pids := []int{os.Getpid(), p.cmd.Process.Pid}
	var before [2][3]int
	for i, pid := range pids {
		before[i] = held(t, pid)
	}
	for name := range soakers {
		t.Run(name, func(t *testing.T) {
			for try := 1; ; try++ { // somebody else may be at work on the machine
				trips0, pairs0 := beside(t, "burn")
				trips, pairs := beside(t, name)
				t.Logf("%d of %d round trips, %d of %d pairs of requests", trips, trips0, pairs, pairs0)
				if trips >= trips0/2 && pairs >= pairs0/2 {
					break
				}
				if try == 3 {
					t.Errorf("beside it an honest pair gets less than half, %d times", try)
					break
				}
			}
			for i, pid := range pids {
				flat(t, pid, before[i])
			}
			other, err := host.Join(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			ring(t, d, other)
			other.Close()
		})
	}
}

// flat fails unless a process soon has about what it had.
func flat(t *testing.T, pid int, before [3]int) {
	t.Helper()
	var after [3]int
	for begun := time.Now(); time.Since(begun) < 2*noticeTime; time.Sleep(50 * time.Millisecond) {
		after = held(t, pid)
		if after[0] <= before[0]+8 && after[1] <= before[1]+40 && after[2] <= before[2]+80 {
			return
		}
	}
	t.Errorf("process %d had %v descriptors, threads and mappings, and has %v", pid, before, after)
}
