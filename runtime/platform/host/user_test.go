//go:build linux

package host_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host"
	"github.com/xenidc/idc/runtime/platform/host/broker"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
	"github.com/xenidc/idc/runtime/shm"
)

// nobody is the second user of these tests.
const nobody = 65534

// open is a broker that any user may join, and a way to start processes of another user.
type open struct {
	*broker.Broker
	exe string
}

// openBroker starts one. Only root can be somebody else: without it there is no test.
func openBroker(t *testing.T, opts broker.Options) *open {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	testenv.Leaks(t)
	dir, err := os.MkdirTemp("", "host")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	exe := filepath.Join(dir, "test")
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", os.Args[0], exe).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	opts.Mode = 0o666
	b, err := broker.Start(filepath.Join(dir, "s"), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return &open{b, exe}
}

// start is start as another user.
func (o *open) start(t *testing.T, part string, parent platform.DomID) *process {
	t.Helper()
	return o.startCmd(t, exec.Command(o.exe, o.Path()), part, parent)
}

// startCmd is startCmd as another user.
func (o *open) startCmd(t *testing.T, cmd *exec.Cmd, part string, parent platform.DomID) *process {
	t.Helper()
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return startCmd(t, cmd, part, parent)
}

// TestOtherUser: a process of another user, honest, works with us in every way, and is
// known for who it is.
func TestOtherUser(t *testing.T) {
	b := openBroker(t, broker.Options{})
	d := join(t, b.Broker)
	defer d.Close()
	p := b.start(t, "granter", d.ID())
	var refs [2]platform.GrantRef
	p.read(t, &refs[0], &refs[1])
	for i, access := range []platform.Access{platform.ReadWrite, platform.ReadOnly} {
		m, err := d.Map(p.id, refs[i:i+1], access)
		if err != nil {
			t.Fatalf("access %v: %v", access, err)
		}
		if v := m.Memory().Load32(0); v != uint32(100+i) {
			t.Errorf("access %v: it reads %d", access, v)
		}
		m.Unmap()
	}
	if uid, gid, err := d.UserOf(p.id); uid != nobody || gid != nobody || err != nil {
		t.Errorf("it is user %d, group %d, %v", uid, gid, err)
	}
}

// granterPart grants a page of each kind.
func granterPart(c *child) error {
	for i, access := range []platform.Access{platform.ReadWrite, platform.ReadOnly} {
		g, err := c.d.Grant(c.parent, 1, access)
		if err != nil {
			return err
		}
		g.Memory().Store32(0, uint32(100+i))
		fmt.Println(g.Refs()[0])
	}
	_, err := io.Copy(io.Discard, c.in)
	return err
}

// TestOneUsersShare: all domains of another user get a quarter of our links, and our own
// user's the rest.
func TestOneUsersShare(t *testing.T) {
	b := openBroker(t, broker.Options{MaxLinks: 8})
	d := join(t, b.Broker)
	defer d.Close()
	p := b.start(t, "linkers", d.ID())
	var linked int
	if p.read(t, &linked); linked != 2 {
		t.Errorf("another user got %d of 8 links", linked)
	}
	worksWith(t, d, b.Broker)
	for range 7 {
		other := join(t, b.Broker)
		defer other.Close()
		if _, err := other.Listen(d.ID()); err != nil {
			if !errors.Is(err, platform.ErrNoSpace) || !strings.Contains(err.Error(), "MaxLinks") {
				t.Errorf("a link too many: %v", err)
			}
		} else if linked++; linked > 8 {
			t.Errorf("%d links", linked)
		}
	}
	if linked != 8 {
		t.Errorf("%d of 8 links could be made", linked)
	}
	p.kill()
	for begun := time.Now(); b.Domains() > 8 && time.Since(begun) < noticeTime; {
		time.Sleep(time.Millisecond)
	}
	p = b.start(t, "linkers", d.ID())
	if p.read(t, &linked); linked != 2 {
		t.Errorf("once they were gone, it got %d", linked)
	}
}

// linkersPart makes as many links with the parent as it gets of five.
func linkersPart(c *child) error {
	linked := 0
	for range 5 {
		l, err := newLiar(c.path)
		if err != nil {
			return err
		}
		if st, err := l.link(c.parent); err != nil {
			return err
		} else if st == proto.OK {
			linked++
		}
	}
	fmt.Println(linked)
	_, err := io.Copy(io.Discard, c.in)
	return err
}

// TestOtherUsersAttacks: what a process of another user does to the memory of a link,
// from outside, with an honest pair beside that goes on and nothing of ours that grows.
func TestOtherUsersAttacks(t *testing.T) {
	for name := range hostileEvents {
		t.Run(name, func(t *testing.T) {
			b := openBroker(t, broker.Options{})
			d, friend := join(t, b.Broker), join(t, b.Broker)
			defer friend.Close()
			p := b.start(t, "attacker", d.ID())
			fmt.Fprintln(p.in, "events", "\""+name+"\"")
			var id platform.DomID
			p.read(t, &id)
			wakeAndClose(t, d, id, 30*time.Millisecond)
			ring(t, d, friend)
			inTime(t, "Close", func() { d.Close() })
		})
	}
	t.Run("pages without memory", func(t *testing.T) {
		b := openBroker(t, broker.Options{})
		d := join(t, b.Broker)
		defer d.Close()
		p := b.start(t, "attacker", d.ID())
		fmt.Fprintln(p.in, "pages", "\"\"")
		var id platform.DomID
		p.read(t, &id)
		for i := range liarPages {
			m, err := d.Map(id, []platform.GrantRef{platform.GrantRef(i)}, platform.ReadWrite)
			if has := i == 7; has != (err == nil) {
				t.Fatalf("page %d: %v", i, err)
			}
			if err == nil {
				m.Memory().Store32(0, 1)
				m.Unmap()
			}
		}
		fmt.Fprintln(p.in, "count")
		var grown int
		if p.read(t, &grown); grown != 0 {
			t.Errorf("we gave it %d pages", grown)
		}
	})
}

// attackerPart attacks until it is killed.
func attackerPart(c *child) error {
	var what, how string
	if _, err := fmt.Fscanf(c.in, "\n%s %q\n", &what, &how); err != nil {
		return err
	}
	l, err := newLiar(c.path)
	if err != nil {
		return err
	}
	if st, err := l.link(c.parent); err != nil || st != proto.OK {
		return fmt.Errorf("link: %v, %v", st, err)
	}
	if what == "events" {
		write := hostileEvents[how]
		fmt.Println(l.id)
		for r := newRand(); ; {
			write(l.both[host.EventSize:2*host.EventSize], r)
		}
	}
	_, _, arena := l.first()
	for i := range liarPages / 32 {
		arena.Store32(i*4, 1<<32-1)
	}
	arena.Store32(7*shm.PageSize, 1)
	before, err := l.blocks()
	if err != nil {
		return err
	}
	fmt.Println(l.id)
	if _, err := fmt.Fscan(c.in, &what); err != nil {
		return err
	}
	after, err := l.blocks()
	fmt.Println(after - before)
	return err
}

// TestLingeringPeer: there is no way to send us a descriptor, through the line least.
func TestLingeringPeer(t *testing.T) {
	testenv.Leaks(t)
	b := startBroker(t, broker.Options{})
	d := join(t, b)
	defer d.Close()
	l := linkedLiar(t, b, d)
	a, c, err := sys.Pair(syscall.SOCK_STREAM)
	if err != nil {
		t.Fatal(err)
	}
	defer sys.CloseAll([]int{a, c})
	if err := syscall.Sendmsg(l.line, []byte{1}, syscall.UnixRights(a), nil, syscall.MSG_NOSIGNAL); err == nil {
		t.Error("a descriptor was sent through the line")
	}
	worksWith(t, d, b)
}
