//go:build linux

package idc_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/platform/host"
	"github.com/xenidc/idc/runtime/platform/host/broker"
	"github.com/xenidc/idc/runtime/store"
)

// nobody is the second user of these tests.
const nobody = 65534

// attackEnv has the test's program be the second user's: the broker's path.
const attackEnv = "IDC_TEST_ATTACK"

func TestMain(m *testing.M) {
	if path := os.Getenv(attackEnv); path != "" {
		if err := attack(path); err != nil {
			fmt.Println("ERROR", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// attack is what the second user does: it removes, fills and takes what others find each
// other by, says "busy", and goes on until its standard input ends. Then it says whether
// it ever had a name that isn't its.
func attack(path string) error {
	ctx := context.Background()
	d, err := host.Join(ctx, path)
	if err != nil {
		return err
	}
	defer d.Close()
	conn, err := d.DialStore(ctx)
	if err != nil {
		return err
	}
	c := store.NewClient(conn)
	defer c.Close()
	over := make(chan struct{})
	go func() {
		defer close(over)
		io.Copy(io.Discard, os.Stdin)
	}()
	own, had := strconv.Itoa(int(d.ID())), false
	for i := 0; ; i++ {
		for _, p := range []string{"/idc", "/idc/vcount@c", "/idc/vcount@c/fronts", "/idc/vcount@c/fronts/1-0", "/idc/vcount@c/fronts/2-0"} {
			c.Remove(ctx, 0, p)
		}
		for n := range 200 {
			c.Write(ctx, 0, fmt.Sprintf("/idc/vcount@fill%d-%d", i%50, n), strings.Repeat("x", 2000))
			c.Write(ctx, 0, fmt.Sprintf("/idc/vcount@c/fronts/%s-%d", own, i%50*200+n), "")
			c.Write(ctx, 0, fmt.Sprintf("/idc/vcount@c/fronts/%d-%d", n, i), "")
			if err := c.Write(ctx, 0, "/idc/vcount@c", own); err == nil {
				had = true
			}
		}
		if i == 0 {
			fmt.Println("busy")
		}
		select {
		case <-over:
			fmt.Println("had", had)
			return nil
		default:
		}
	}
}

// secondUser starts attack as another user.
func secondUser(t *testing.T, dir, path string) (said *bufio.Reader, stop func() string) {
	t.Helper()
	program := filepath.Join(dir, "attack")
	self, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(program, self, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), attackEnv+"="+path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	cmd.Dir, cmd.Stderr = "/", os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	said = bufio.NewReader(out)
	return said, func() string {
		in.Close()
		last := time.AfterFunc(patience, func() { cmd.Process.Kill() })
		defer last.Stop()
		line, _ := said.ReadString('\n')
		if err := cmd.Wait(); err != nil {
			t.Error("the second user: ", err)
		}
		return line
	}
}

// A user who attacks discovery harms nobody: front ends connect, services are announced,
// and the name of a server that died is nobody else's.
func TestSecondUser(t *testing.T) {
	testenv.Native(t)
	if os.Getuid() != 0 {
		t.Skip("only root can be two users")
	}
	testenv.Leaks(t)
	dir, err := os.MkdirTemp("", "idc") // t.TempDir's parent is closed to others
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	b, err := broker.Start(filepath.Join(dir, "s"), broker.Options{Mode: 0o666})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	join := func() *host.Domain {
		d, err := host.Join(t.Context(), b.Path())
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	front, back := join(), join()
	defer front.Close()
	s := idc.NewService(back, "c", new(counter).spec())
	f := idc.NewFront(front, "c", frontSpec())
	defer f.Close()
	check(t, f, 1)
	said, stop := secondUser(t, dir, b.Path())
	if line, err := said.ReadString('\n'); line != "busy\n" {
		t.Fatalf("the second user says %q, %v", line, err)
	}
	for v := range uint64(5) {
		late := idc.NewFront(front, "c", frontSpec())
		check(t, late, v)
		late.Close()
		other := idc.NewService(back, fmt.Sprint("other", v), new(counter).spec())
		if err := other.Ready(within(t, patience)); err != nil {
			t.Error(err)
		}
		other.Close()
	}
	for v := range uint64(3) { // the server dies, and comes back after a while
		back.Close()
		s.Close()
		time.Sleep(20 * time.Millisecond)
		back = join()
		s = idc.NewService(back, "c", new(counter).spec())
		check(t, f, v)
	}
	if line := stop(); line != "had false\n" {
		t.Errorf("the second user says %q at the end", line)
	}
	s.Close()
	back.Close()
}
