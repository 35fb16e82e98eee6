//go:build linux

package host_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/platform/host"
	"github.com/xenidc/idc/runtime/platform/host/broker"
	"github.com/xenidc/idc/runtime/store"
)

// xenstore runs one of Debian's C clients on the broker's socket.
func xenstore(t *testing.T, b *broker.Broker, name string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: apt-get install xenstore-utils", err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = []string{"XENSTORED_PATH=" + b.Path()}
	return cmd
}

// TestXenstoreTools: what the broker serves is xenstore to those who know it.
func TestXenstoreTools(t *testing.T) {
	testenv.Leaks(t)
	b := startBroker(t, broker.Options{})
	d := join(t, b, host.WithName("tester\n"))
	defer d.Close()
	home := store.DomainPath(d.ID())
	out, err := xenstore(t, b, "xenstore-ls", "-fp", home).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	n := strconv.Itoa(int(d.ID()))
	for _, want := range []string{
		home + `/domid = "` + n + `"`, home + `/name = "tester?"`, home + "/pid = ", "(r" + n + ")",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("xenstore-ls doesn't show %s:\n%s", want, out)
		}
	}
	if out, err := xenstore(t, b, "xenstore-write", home+"/data/x", "from outside").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	conn, err := d.DialStore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := store.NewClient(conn)
	defer c.Close()
	if _, err := c.Read(t.Context(), store.NoTx, "name"); err != nil {
		t.Errorf("the domain reads its own name: %v", err)
	}
	if err := c.Write(t.Context(), store.NoTx, "data/y", "from inside"); err != nil {
		t.Fatal(err)
	}
	if out, err := xenstore(t, b, "xenstore-read", home+"/data/y").CombinedOutput(); err != nil || string(out) != "from inside\n" {
		t.Errorf("xenstore-read: %q, %v", out, err)
	}
}

// TestXenstoreWatch: the toolstack hears of a domain that comes and dies.
func TestXenstoreWatch(t *testing.T) {
	testenv.Leaks(t)
	b := startBroker(t, broker.Options{})
	cmd := xenstore(t, b, "xenstore-watch", "-n", "4", "@introduceDomain", "@releaseDomain")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	lines := bufio.NewScanner(pipe)
	for range 2 { // a watch fires when it is set
		lines.Scan()
	}
	p := start(t, b.Path(), "echo", 1)
	lines.Scan()
	if lines.Text() != "@introduceDomain" {
		t.Errorf("joining gave %q", lines.Text())
	}
	p.kill()
	lines.Scan()
	if lines.Text() != "@releaseDomain" {
		t.Errorf("dying gave %q", lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestToolstack: a process of the broker's user may speak as domain 0.
func TestToolstack(t *testing.T) {
	testenv.Leaks(t)
	b := startBroker(t, broker.Options{})
	x, y := join(t, b), join(t, b)
	defer x.Close()
	defer y.Close()
	conn, err := x.DialToolstack(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := store.NewClient(conn)
	defer c.Close()
	if err := c.Write(t.Context(), store.NoTx, store.DomainPath(y.ID())+"/device/vbd/0", ""); err != nil {
		t.Errorf("domain 0 writes below another: %v", err)
	}
	x.Close()
	select {
	case <-c.Done():
	case <-time.After(10 * time.Second):
		t.Error("the toolstack's connection outlives the domain that asked for it")
	}
}

// TestEmbed: the first to come has the broker, the second finds it.
func TestEmbed(t *testing.T) {
	testenv.Leaks(t)
	path := t.TempDir() + "/broker.sock"
	if _, err := host.Join(t.Context(), path); !errors.Is(err, host.ErrNoBroker) ||
		!strings.Contains(err.Error(), "idc broker --socket "+path) {
		t.Errorf("without a broker: %v", err)
	}
	x, err := host.Embed(t.Context(), path, broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	y, err := host.Embed(t.Context(), path, broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if x.ID() == y.ID() {
		t.Errorf("both are domain %d", x.ID())
	}
	if err := y.Close(); err != nil {
		t.Error(err)
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	if _, err := host.Join(t.Context(), path); !errors.Is(err, host.ErrNoBroker) {
		t.Errorf("after the first one's end: %v", err)
	}
}

// TestStranger: a process of another user that isn't a domain gets no store, however
// open the socket is.
func TestStranger(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	testenv.Leaks(t)
	dir, err := os.MkdirTemp("", "host")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	b, err := broker.Start(dir+"/s", broker.Options{Mode: 0o666})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for uid, works := range map[uint32]bool{0: true, 65534: false} {
		cmd := xenstore(t, b, "xenstore-ls", "/")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		if out, err := cmd.CombinedOutput(); (err == nil) != works {
			t.Errorf("user %d: %v: %s", uid, err, out)
		}
	}
}
