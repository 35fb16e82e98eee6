//go:build linux

package host_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host"
	"github.com/xenidc/idc/runtime/platform/host/broker"
	"github.com/xenidc/idc/runtime/shm"
)

// childEnv names the part that this binary plays when a test starts it again as a
// second process.
const childEnv = "XENIDC_HOST_TEST_CHILD"

// parts are what a child process can be. Each runs until its standard input ends, or
// it is killed.
var parts = map[string]func(*child) error{
	"echo":   echoPart,
	"echoes": echoesPart,
	"worker": workPart,
	"broker": nil, // see brokerPart

	"granter":  granterPart,
	"linkers":  linkersPart,
	"attacker": attackerPart,
}

func TestMain(m *testing.M) {
	part := os.Getenv(childEnv)
	if part == "" {
		os.Exit(m.Run())
	}
	if err := beChild(parts[part]); err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
}

// child is a second process, seen from within.
type child struct {
	path   string
	d      *host.Domain
	parent platform.DomID
	in     *bufio.Reader
}

func beChild(part func(*child) error) error {
	path := os.Args[len(os.Args)-1]
	if os.Getenv(childEnv) == "broker" {
		return brokerPart(path)
	}
	if part == nil {
		return errors.New("no such part")
	}
	d, err := host.Join(context.Background(), path)
	if err != nil {
		return err
	}
	defer d.Close()
	fmt.Println(d.ID())
	c := &child{path: path, d: d, in: bufio.NewReader(os.Stdin)}
	if _, err := fmt.Fscan(c.in, &c.parent); err != nil {
		return err
	}
	return part(c)
}

// echoPart offers a channel and answers every event with one.
func echoPart(c *child) error {
	ch, err := c.d.Listen(c.parent)
	if err != nil {
		return err
	}
	fmt.Println(ch.Port())
	for ch.Wait() == nil {
		ch.Notify()
	}
	return nil
}

// echoesPart is echoPart on many channels.
func echoesPart(c *child) error {
	for range manyChannels {
		if err := startEcho(c); err != nil {
			return err
		}
	}
	_, err := io.Copy(io.Discard, c.in)
	return err
}

func startEcho(c *child) error {
	ch, err := c.d.Listen(c.parent)
	if err != nil {
		return err
	}
	fmt.Println(ch.Port())
	go func() {
		for ch.Wait() == nil {
			ch.Notify()
		}
	}()
	return nil
}

const manyChannels = 8

// workPart grants, maps, binds and rings without end.
func workPart(c *child) error {
	var refs [4]platform.GrantRef
	for i := range refs {
		if _, err := fmt.Fscan(c.in, &refs[i]); err != nil {
			return err
		}
	}
	conn, err := c.d.DialStore(context.Background())
	if err != nil {
		return err
	}
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	ch, err := c.d.Listen(c.parent)
	if err != nil {
		return err
	}
	g, err := c.d.Grant(c.parent, 8, platform.ReadWrite)
	if err != nil {
		return err
	}
	fmt.Println(ch.Port(), g.Refs()[0])
	pages := make([]shm.Memory, len(refs))
	for i := uint32(0); ; i++ {
		if err := c.d.MapEach(c.parent, refs[:], platform.ReadWrite, pages); err != nil {
			return err
		}
		pages[i%4].Store32(0, i)
		g.Memory().Store32(4, i)
		ch.Notify()
		c.d.UnmapEach(c.parent, refs[:], platform.ReadWrite, pages)
		h, err := c.d.Grant(c.parent, int(i%32)+1, platform.Access(i%2))
		if err != nil {
			return err
		}
		m, err := c.d.Map(c.parent, []platform.GrantRef{refs[3], refs[0]}, platform.ReadOnly)
		if err != nil {
			return err
		}
		l, err := c.d.Listen(c.parent)
		if err != nil {
			return err
		}
		l.Close()
		m.Unmap()
		h.Free()
	}
}

// brokerPart is a broker of its own, in the place of a child that joins one.
func brokerPart(path string) error {
	b, err := broker.Start(path, broker.Options{Mode: 0o666})
	if err != nil {
		return err
	}
	fmt.Println(0)
	_, _ = io.Copy(io.Discard, os.Stdin)
	return b.Close()
}

// process is a second process, seen from the test.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	id  platform.DomID
}

// start starts a second process that joins the broker and plays a part; kill or the
// end of the test ends it.
func start(t testing.TB, path, part string, parent platform.DomID) *process {
	t.Helper()
	return startCmd(t, exec.Command(os.Args[0], path), part, parent)
}

// startCmd starts a second process in the way that cmd says.
func startCmd(t testing.TB, cmd *exec.Cmd, part string, parent platform.DomID) *process {
	t.Helper()
	cmd.Env = append(os.Environ(), childEnv+"="+part)
	errs := new(strings.Builder)
	cmd.Stderr = errs
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, in: in, out: bufio.NewReader(out)}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() && errs.Len() > 0 {
			t.Logf("the second process says: %s", errs)
		}
	})
	p.read(t, &p.id)
	fmt.Fprintln(in, parent)
	return p
}

// read reads what the process prints.
func (p *process) read(t testing.TB, to ...any) {
	t.Helper()
	if _, err := fmt.Fscan(p.out, to...); err != nil {
		t.Fatalf("the second process ended early: %v", err)
	}
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	p.in.Close()
}
